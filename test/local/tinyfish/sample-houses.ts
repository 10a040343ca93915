import { type House, readHouses } from "../../../src/local/tinyfish/index.ts";

const sample = new URL("../../../data/king-county-sample.csv", import.meta.url).pathname;
let all: Promise<House[]> | undefined;

/** The first houses of the sample data. */
export async function sampleHouses(count: number): Promise<House[]> {
  all ??= readHouses(sample).then(({ houses }) => houses);
  return (await all).slice(0, count);
}
