import { type Integration } from "enhanced-integration";
import { type House } from "enhanced-integration/local";

/** What the database holds, held against the file: no counter of our own is asked. */
export interface Recount {
  /** Houses of the file that are in the database with the same facts. */
  readonly listings: number;
  /** Of those, with an embedding of their current content. */
  readonly embedded: number;
  /** Rows beyond one for a house, and rows that belong to no house of the file. */
  readonly duplicates: number;
  /** Houses of the file that are missing or differ. */
  readonly lost: number;
}

interface Row {
  readonly key: string;
  readonly price: number;
  readonly sqftLiving: number;
  readonly yearBuilt: number;
  readonly zipcode: string;
  readonly embedded: boolean;
}

const AT_ONCE = 500;

export async function recount(integration: Integration, source: string, houses: readonly House[]): Promise<Recount> {
  const rows = new Map<string, Row[]>();
  for (let last = ""; ;) {
    const page = await integration.neon.query<Row>(
      `select source_key as key, price::float8, sqft_living as "sqftLiving", year_built as "yearBuilt", zipcode, embedding_hash is not distinct from content_hash as embedded
         from listings where source = $1 and source_key > $2 order by source_key limit ${AT_ONCE}`,
      [source, last],
    );
    for (const row of page) rows.set(row.key, [...(rows.get(row.key) ?? []), row]);
    if (page.length < AT_ONCE) break;
    last = page.at(-1)!.key;
  }

  let listings = 0;
  let embedded = 0;
  for (const house of houses) {
    const row = rows.get(house.sourceKey)?.find((each) => sameFacts(each, house));
    if (row) listings += 1;
    if (row?.embedded) embedded += 1;
  }
  const stored = [...rows.values()].reduce((sum, same) => sum + same.length, 0);
  return { listings, embedded, duplicates: stored - rows.size, lost: houses.length - listings };
}

function sameFacts(row: Row, house: House): boolean {
  return (
    row.price === house.price &&
    row.sqftLiving === house.sqftLiving &&
    row.yearBuilt === house.yearBuilt &&
    row.zipcode === house.zipcode
  );
}
