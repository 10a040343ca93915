// What a real PostgreSQL's worst days do to the pool and the client: nothing hangs, leaks, lies or is lost.
//   npm run proof:database               all of it, some minutes
//   npm run proof:database -- --short    at least 5 % of every count, under a minute
//   npm run proof:database -- --json     the last line is one JSON object
// The server is started here, on a socket of its own; faults come from a seed, which is printed.
import { type Count } from "../../support/count.ts";
import { Report } from "../../support/report.ts";
import { readRunOptions } from "../../support/run-options.ts";
import { cancellation } from "./cancellation.ts";
import { exhaustion } from "./exhaustion.ts";
import { halfOpen } from "./half-open.ts";
import { kills } from "./kills.ts";
import { resets } from "./resets.ts";
import { restarts } from "./restarts.ts";
import { SEED, withScene } from "./scene.ts";
import { transactions } from "./transactions.ts";
import { uncaught } from "./uncaught.ts";

const options = readRunOptions();
const of = (full: number, short: number): Count => ({ run: options.short ? short : full, full });
const report = new Report("proof:database", options);
console.log(`seed ${SEED}`);
await report.part("Backends killed mid-query", () => withScene((scene) => kills(scene, of(500, 40))));
await report.part("Server restarts", () => withScene((scene) => restarts(scene, of(50, 4))));
await report.part("Half-open sockets", () => withScene((scene) => halfOpen(scene, of(50, 5))));
await report.part("Resets mid-result", () => withScene((scene) => resets(scene, of(200, 30))));
await report.part("Pool exhaustion", () => withScene((scene) => exhaustion(scene, of(20, 3))));
await report.part("Cancellation", () => withScene((scene) => cancellation(scene, of(100, 9))));
await report.part("Transactions under faults", () => withScene((scene) => transactions(scene, of(60, 6))));
await report.part("The process", async () => uncaught());
process.exitCode = report.finish();
