// What a real PostgreSQL's worst days do to the pool and the client: nothing hangs, leaks, lies or is lost.
//   npm run proof:database                       all of it, some minutes
//   npm run proof:database -- --short            at least 5 % of every count, about a minute
//   npm run proof:database -- --json             the last line is one JSON object
//   npm run proof:database -- --only WebSocket   one way, or one kind of fault
// The server is started here, on a socket of its own; faults come from a seed, which is printed.
import { type Count } from "../../support/count.ts";
import { type Figure, Report } from "../../support/report.ts";
import { readRunOptions } from "../../support/run-options.ts";
import { cancellation } from "./cancellation.ts";
import { exhaustion } from "./exhaustion.ts";
import { halfOpen } from "./half-open.ts";
import { kills } from "./kills.ts";
import { resets } from "./resets.ts";
import { restarts } from "./restarts.ts";
import { type Scene, SEED, type Way, withScene } from "./scene.ts";
import { transactions } from "./transactions.ts";
import { uncaught } from "./uncaught.ts";

const options = readRunOptions();
const report = new Report("proof:database", options);
console.log(`seed ${SEED}`);

const ways: readonly (readonly [Way, string])[] = [
  ["tcp", "TCP"],
  ["websocket", "WebSocket"],
];
type Part = (scene: Scene, count: Count) => Promise<Figure[]>;
const faults: readonly (readonly [string, Part, full: number, short: number])[] = [
  ["Backends killed mid-query", kills, 500, 25],
  ["Server restarts", restarts, 50, 3],
  ["Half-open sockets", halfOpen, 50, 4],
  ["Resets mid-result", resets, 200, 12],
  ["Pool exhaustion", exhaustion, 20, 2],
  ["Transactions under faults", transactions, 60, 4],
];
const of = (full: number, short: number): Count => ({ run: options.short ? short : full, full });

for (const [way, name] of ways)
  for (const [fault, part, full, short] of faults)
    await report.part(`${fault}, over ${name}`, () => withScene(way, (scene) => part(scene, of(full, short))));
// One scene for all of them: there are no connections of ours whose end would have to be awaited each time, nor any
// pool or transaction of several requests.
await report.part("Kills, restarts, half-open sockets and resets, over HTTP", () =>
  withScene("http", async (scene) => {
    const figures: Figure[] = [];
    for (const [fault, part, full, short] of faults.slice(0, 4))
      for (const figure of await part(scene, of(full, short)))
        figures.push({ ...figure, name: `${fault}: ${figure.name}` });
    return figures;
  }),
);
await report.part("Cancellation", () => withScene("tcp", (scene) => cancellation(scene, of(100, 9))));
await report.part("The process", async () => uncaught());
process.exitCode = report.finish();
