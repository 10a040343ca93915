// Counts that anybody can run again: differences from references, laws broken, requests in an outage, things left behind.
//   npm run proof:resilience               all of it, some minutes
//   npm run proof:resilience -- --short    at least 5 % of every count, under a minute
//   npm run proof:resilience -- --json     the last line is one JSON object
import { type Count } from "../../support/count.ts";
import { Report } from "../../support/report.ts";
import { readRunOptions } from "../../support/run-options.ts";
import { aborts } from "./aborts.ts";
import { proveBreaker } from "./breaker.ts";
import { gcraAgainstReference } from "./gcra.ts";
import { intervalLaw } from "./interval-law.ts";
import { memoryAgainstRedis } from "./memory-against-redis.ts";
import { outage } from "./outage.ts";
import { quotaChanges } from "./quota-changes.ts";
import { socketAborts } from "./socket-aborts.ts";

const options = readRunOptions();
const of = (full: number, short: number): Count => ({ run: options.short ? short : full, full });
const report = new Report("proof:resilience", options);
await report.part("Limiter against a reference", () => gcraAgainstReference(of(10_000_000, 500_000)));
await report.part("Limiter: the law of every interval", () => intervalLaw(of(200, 20)));
await report.part("Limiter: memory against Redis", () => memoryAgainstRedis(of(100_000, 10_000)));
await report.part("Breaker against a reference", () => proveBreaker(options));
await report.part("Quotas of a service that change", () => quotaChanges(options.short ? 15_000 : 30_000));
await report.part("Aborts at random awaits", () => aborts(of(10_000, 1_000)));
await report.part("Aborts over sockets, through the real clients", () => socketAborts(of(10_000, 500)));
// Each part of a service begins with a budget of a hundred retries: fewer calls would measure those.
await report.part("Outages through the real clients", () => outage(of(10_000, 2_400)));
process.exitCode = report.finish();
