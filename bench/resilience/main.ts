// What resilience costs, beside a hand-written floor and the libraries that people use instead, in one run.
//   npm run bench:resilience                  about five minutes
//   npm run bench:resilience -- --short       under a minute
//   npm run bench:resilience -- --json        the last line is one JSON object
//   npm run bench:resilience -- --only Redis  one table
import { FULL, SHORT } from "../support/measure.ts";
import { Report } from "../support/report.ts";
import { readRunOptions } from "../support/run-options.ts";
import { breakerOutcome } from "./breaker-outcome.ts";
import { fullPipeline } from "./full-pipeline.ts";
import { keyMemory } from "./key-memory.ts";
import { localLimiter } from "./local-limiter.ts";
import { openBreaker } from "./open-breaker.ts";
import { redisLimiter } from "./redis-limiter.ts";
import { retryWrap } from "./retry-wrap.ts";

const options = readRunOptions();
const effort = options.short ? SHORT : FULL;
const report = new Report("bench:resilience", options);
await report.part("Retry around a call that succeeds", () => retryWrap(effort));
await report.part("Full pipeline around a call that succeeds", () => fullPipeline(effort));
await report.part("Limiter in this process, one decision", () => localLimiter(effort));
await report.part("Limiter in this process, memory", () => keyMemory());
await report.part("Open breaker, one refusal", () => openBreaker(effort));
await report.part("Breaker, one failure", () => breakerOutcome(options.short ? 3 : 9));
await report.part("Limiter on Redis", () => redisLimiter(effort));
process.exitCode = report.finish();
