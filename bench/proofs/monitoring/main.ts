// Our alerts against Prometheus' own: random rules through promtool, and alerts through a real Alertmanager. And canary
// secrets through every kind of failure, those of real clients among them, looked for wherever a person or a program can see.
//   npm run proof:monitoring               all of it, some minutes
//   npm run proof:monitoring -- --short    at least 5 % of every count, under a minute
//   npm run proof:monitoring -- --json     the last line is one JSON object
import { type Count } from "../../support/count.ts";
import { Report } from "../../support/report.ts";
import { readRunOptions } from "../../support/run-options.ts";
import { live } from "./live.ts";
import { rulesAgainstPromtool } from "./rules-against-promtool.ts";
import { secrets } from "./secrets.ts";

const options = readRunOptions();
const of = (full: number, short: number): Count => ({ run: options.short ? short : full, full });
const report = new Report("proof:monitoring", options);
await report.part("Rules against promtool", () => rulesAgainstPromtool(of(300, 30)));
await report.part("Prometheus and Alertmanager, live", live);
await report.part("Secrets: forty canaries in every sink", () => secrets(of(100_000, 5_000), of(6_000, 300)));
process.exitCode = report.finish();
