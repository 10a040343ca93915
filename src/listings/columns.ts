import { type ScrapedListing } from "./listing.ts";

/** One scraped field, the column that holds it, the column's type, and how it is read back. */
interface Column {
  readonly field: keyof ScrapedListing;
  readonly column: string;
  readonly type: string;
  /** `numeric` arrives as text from every driver; prices and counts of rooms fit a double exactly. */
  readonly cast?: "float8";
}

/** The only list of a listing's columns: inserts, updates and reads all derive from it. */
export const columns: readonly Column[] = [
  { field: "sourceKey", column: "source_key", type: "text" },
  { field: "url", column: "url", type: "text" },
  { field: "title", column: "title", type: "text" },
  { field: "description", column: "description", type: "text" },
  { field: "price", column: "price", type: "numeric", cast: "float8" },
  { field: "bedrooms", column: "bedrooms", type: "numeric", cast: "float8" },
  { field: "bathrooms", column: "bathrooms", type: "numeric", cast: "float8" },
  { field: "sqftLiving", column: "sqft_living", type: "integer" },
  { field: "sqftLot", column: "sqft_lot", type: "integer" },
  { field: "floors", column: "floors", type: "numeric", cast: "float8" },
  { field: "waterfront", column: "waterfront", type: "boolean" },
  { field: "view", column: "view_rating", type: "smallint" },
  { field: "condition", column: "condition_rating", type: "smallint" },
  { field: "grade", column: "grade", type: "smallint" },
  { field: "yearBuilt", column: "year_built", type: "smallint" },
  { field: "yearRenovated", column: "year_renovated", type: "smallint" },
  { field: "zipcode", column: "zipcode", type: "text" },
  { field: "latitude", column: "latitude", type: "float8" },
  { field: "longitude", column: "longitude", type: "float8" },
];

/** `l.id, l.source, l.source_key as "sourceKey", …` for an alias of the listings table. */
export function selectList(alias: string): string {
  const fields = columns.map(({ field, column, cast }) => `${alias}.${column}${cast ? `::${cast}` : ""} as "${field}"`);
  return [`${alias}.id`, `${alias}.source`, ...fields].join(", ");
}
