import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parse } from "csv-parse/sync";
import { describeHouse } from "./describe-house.ts";
import { type House, type HouseFacts } from "./house.ts";

/** A row that was skipped, and why. Line 1 is the header. */
export interface RowProblem {
  readonly line: number;
  readonly problem: string;
}

const columns = [
  "price",
  "bedrooms",
  "bathrooms",
  "sqft_living",
  "sqft_lot",
  "floors",
  "waterfront",
  "view",
  "condition",
  "grade",
  "sqft_above",
  "sqft_basement",
  "yr_built",
  "yr_renovated",
  "zipcode",
  "lat",
  "long",
  "sqft_living15",
  "sqft_lot15",
] as const;

/** Legal ranges: wide enough for any real house, narrow enough to catch shifted columns and typing errors. */
const ranges: Readonly<Record<(typeof columns)[number], readonly [min: number, max: number]>> = {
  price: [1000, 1e9],
  bedrooms: [0, 100],
  bathrooms: [0, 100],
  sqft_living: [50, 200_000],
  sqft_lot: [50, 1e8],
  floors: [0.5, 10],
  waterfront: [0, 1],
  view: [0, 4],
  condition: [1, 5],
  grade: [1, 13],
  sqft_above: [0, 200_000],
  sqft_basement: [0, 200_000],
  yr_built: [1700, 2100],
  yr_renovated: [0, 2100],
  zipcode: [1, 99_999],
  lat: [-90, 90],
  long: [-180, 180],
  sqft_living15: [0, 200_000],
  sqft_lot15: [0, 1e8],
};
const whole = new Set<string>(["bedrooms", "waterfront", "view", "condition", "grade", "yr_built", "yr_renovated"]);

/**
 * Reads house sales in the columns of `data/king-county-sample.csv`. A broken row is reported and skipped; the rest
 * goes in.
 *
 * @throws Error if the file cannot be read or lacks a column
 */
export async function readHouses(csvPath: string): Promise<{ houses: House[]; problems: RowProblem[] }> {
  const [first = "", ...lines] = (await readFile(csvPath, "utf8")).replace(/^\uFEFF/, "").split("\n");
  const header = readHeader(first, csvPath);
  const houses: House[] = [];
  const problems: RowProblem[] = [];
  const seen = new Map<string, number>();
  for (const [index, text] of lines.entries()) {
    if (text.trim() === "") continue;
    const row = readRow(text, header);
    if (typeof row === "string") problems.push({ line: index + 2, problem: row });
    else houses.push(identify(row, seen));
  }
  return { houses, problems };
}

interface Header {
  readonly width: number;
  /** Where each of {@link columns} stands. */
  readonly positions: readonly number[];
}

function readHeader(text: string, csvPath: string): Header {
  const fields = readFields(text);
  if (typeof fields === "string") throw new Error(`${csvPath} is no CSV file: its first line ${fields}`);
  const names = fields.map((name) => name.toLowerCase());
  const missing = columns.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new Error(`${csvPath}: the first line lacks the columns ${missing.join(", ")}`);
  return { width: names.length, positions: columns.map((name) => names.indexOf(name)) };
}

/** Line by line, since no field holds a line break: a stray quote then spoils its own row, not the rest of the file. */
function readFields(text: string): string[] | string {
  try {
    return parse(text, { relax_column_count: true, trim: true })[0] ?? "is empty";
  } catch (error) {
    return `is not CSV: ${(error as Error).message}`;
  }
}

type Row = Readonly<Record<(typeof columns)[number], number>>;

/** @returns the row's numbers, or what is wrong with it */
function readRow(text: string, header: Header): Row | string {
  const fields = readFields(text);
  if (typeof fields === "string") return fields;
  if (fields.length !== header.width) return `has ${fields.length} fields instead of ${header.width}`;
  const values: Record<string, number> = {};
  for (const [index, name] of columns.entries()) {
    const field = fields[header.positions[index]!]!;
    const wrong = judge(name, field);
    if (wrong !== undefined) return `${name} "${field}" ${wrong}`;
    values[name] = Number(field);
  }
  const row = values as Row;
  if (row.yr_renovated !== 0 && row.yr_renovated < row.yr_built)
    return `yr_renovated ${row.yr_renovated} lies before yr_built ${row.yr_built}`;
  return row;
}

function judge(name: (typeof columns)[number], text: string): string | undefined {
  if (name === "zipcode") return /^\d{5}$/.test(text) ? undefined : "is not a five-digit zip code";
  if (!/^-?\d+(\.\d+)?$/.test(text)) return "is not a number";
  const value = Number(text);
  const [min, max] = ranges[name];
  if (value < min || value > max) return `is out of range (${min} to ${max})`;
  return whole.has(name) && !Number.isInteger(value) ? "is not a whole number" : undefined;
}

/** `seen` numbers identical rows: they are distinct listings, whatever the order of the rest. */
function identify(row: Row, seen: Map<string, number>): House {
  const normalised = columns.map((name) => row[name]).join("|");
  const occurrence = (seen.get(normalised) ?? 0) + 1;
  seen.set(normalised, occurrence);
  const digest = createHash("sha256").update(normalised).digest("hex").slice(0, 16);
  const sourceKey = `kc-${digest}-${occurrence}`;
  const facts = toFacts(row);
  return { sourceKey, url: `/listings/${sourceKey}`, ...describeHouse(facts), ...facts };
}

function toFacts(row: Row): HouseFacts {
  return {
    price: row.price,
    bedrooms: row.bedrooms,
    bathrooms: row.bathrooms,
    sqftLiving: row.sqft_living,
    sqftLot: row.sqft_lot,
    floors: row.floors,
    waterfront: row.waterfront === 1,
    view: row.view,
    condition: row.condition,
    grade: row.grade,
    yearBuilt: row.yr_built,
    yearRenovated: row.yr_renovated === 0 ? null : row.yr_renovated,
    zipcode: String(row.zipcode).padStart(5, "0"),
    latitude: row.lat,
    longitude: row.long,
  };
}
