// What the database client costs, beside the bare drivers, in one run. Starts a PostgreSQL of its own.
//   npm run bench:database                  about three minutes
//   npm run bench:database -- --short       under a minute
//   npm run bench:database -- --json        the last line is one JSON object
//   npm run bench:database -- --only COPY   one table
import { startLocalPostgres } from "enhanced-integration/local";
import { freePort } from "../support/free-port.ts";
import { Report } from "../support/report.ts";
import { readRunOptions } from "../support/run-options.ts";
import { bulkInserts } from "./bulk-inserts.ts";
import { queriesOverHttp } from "./queries-over-http.ts";
import { queriesOverTcp } from "./queries-over-tcp.ts";
import { queriesOverWebSocket } from "./queries-over-websocket.ts";

const options = readRunOptions();
const effort = options.short ? { rounds: 9, sliceMs: 150 } : { rounds: 25, sliceMs: 300 };
const report = new Report("bench:database", options);
{
  await using server = await startLocalPostgres({ port: await freePort() });
  for (const inFlight of [1, 20]) {
    const each = { ...effort, inFlight };
    await report.part(`One query over TCP, ${inFlight} in flight`, () => queriesOverTcp(server, each));
    await report.part(`One query over HTTP, ${inFlight} in flight`, () => queriesOverHttp(server, each));
    await report.part(`One query over WebSocket, ${inFlight} in flight`, () => queriesOverWebSocket(server, each));
  }
  await report.part("10,000 rows, COPY and unnest", () => bulkInserts(server, options.short ? 3 : 9));
}
process.exitCode = report.finish();
