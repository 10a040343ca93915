import { join } from "node:path";
import { packageRoot } from "../core/index.ts";

/** The 2,000 houses that come with the package; data/README.md says where they are from. */
export function sampleDataFile(): string {
  return join(packageRoot(), "data", "king-county-sample.csv");
}
