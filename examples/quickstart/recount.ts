import { type Integration } from "enhanced-integration";
import { type House } from "enhanced-integration/local";

/** What the database holds, held against the file: no counter of our own is asked. */
export interface Recount {
  /** Houses of the file that are in the database with the same facts. */
  readonly listings: number;
  /** Of those, with an embedding of their current content. */
  readonly embedded: number;
  /** Rows beyond the first for a house, and rows that belong to no house of the file. */
  readonly duplicates: number;
  /** Houses of the file that are missing or differ. */
  readonly lost: number;
}

/** Each fact of a house, and where it stands in the table. */
const facts = {
  title: "title",
  description: "description",
  price: "price::float8",
  bedrooms: "bedrooms::float8",
  bathrooms: "bathrooms::float8",
  sqftLiving: "sqft_living",
  sqftLot: "sqft_lot",
  floors: "floors::float8",
  waterfront: "waterfront",
  view: "view_rating",
  condition: "condition_rating",
  grade: "grade",
  yearBuilt: "year_built",
  yearRenovated: "year_renovated",
  zipcode: "zipcode",
  latitude: "latitude",
  longitude: "longitude",
} as const satisfies Partial<Record<keyof House, string>>;
const factNames = Object.keys(facts) as (keyof typeof facts)[];

type Row = Pick<House, keyof typeof facts> & {
  readonly id: string;
  readonly key: string;
  readonly embedded: boolean;
};

const AT_ONCE = 500;
const select = `
  select id, source_key as key, ${factNames.map((name) => `${facts[name]} as "${name}"`).join(", ")},
         embedding is not null and embedding_hash is not distinct from content_hash as embedded
    from listings where source = $1 and (source_key, id) > ($2, $3::uuid)
   order by source_key, id limit ${AT_ONCE}`;

export async function recount(integration: Integration, source: string, houses: readonly House[]): Promise<Recount> {
  const rows = Map.groupBy(await readAll(integration, source), (row) => row.key);
  let listings = 0;
  let embedded = 0;
  for (const house of houses) {
    const row = rows.get(house.sourceKey)?.find((each) => factNames.every((name) => each[name] === house[name]));
    if (row) listings += 1;
    if (row?.embedded) embedded += 1;
  }
  const known = new Set(houses.map(({ sourceKey }) => sourceKey));
  const duplicates = [...rows].reduce((sum, [key, same]) => sum + same.length - (known.has(key) ? 1 : 0), 0);
  return { listings, embedded, duplicates, lost: houses.length - listings };
}

async function readAll(integration: Integration, source: string): Promise<Row[]> {
  const rows: Row[] = [];
  let after = ["", "00000000-0000-0000-0000-000000000000"];
  for (;;) {
    const page = await integration.neon.query<Row>(select, [source, ...after]);
    rows.push(...page);
    const last = page.at(-1);
    if (!last || page.length < AT_ONCE) return rows;
    after = [last.key, last.id];
  }
}
