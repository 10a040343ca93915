// What recording and exporting metrics costs, beside a hand-written floor, prom-client and OpenTelemetry, in one run.
//   npm run bench:monitoring                    about two minutes
//   npm run bench:monitoring -- --short         under a minute
//   npm run bench:monitoring -- --json          the last line is one JSON object
//   npm run bench:monitoring -- --only Scrape   one table
import { FULL, SHORT } from "../support/measure.ts";
import { Report } from "../support/report.ts";
import { readRunOptions } from "../support/run-options.ts";
import { cardinality } from "./cardinality.ts";
import { boundCounter, histogram, twoLabels } from "./recording.ts";
import { scrape } from "./scrape.ts";
import { slices } from "./slices.ts";

const options = readRunOptions();
const effort = options.short ? SHORT : FULL;
const sizes = options.short ? [10_000, 100_000] : [10_000, 100_000, 500_000];
const report = new Report("bench:monitoring", options);
await report.part("Counter, labels bound", () => boundCounter(effort));
await report.part("Histogram, one observation", () => histogram(effort));
await report.part("Counter, two labels looked up", () => twoLabels(effort));
await report.part("Scrape", () => scrape(effort));
await report.part("Stalls while scraping", () => slices(sizes, options.short ? 3 : 7));
await report.part("Cardinality", () => cardinality());
process.exitCode = report.finish();
