/** A process of its own for lifecycle.test.ts, which kills it: writes rows one by one and tells after each commit. */
import pg from "pg";
import { FaultPlan } from "../../../src/local/faults.ts";
import { startNeonStandIn } from "../../../src/local/neon/index.ts";

const db = await startNeonStandIn({ faults: new FaultPlan(), dataDir: process.argv[2]! });
const client = new pg.Client(db.tcpConnectionString);
await client.connect();
await client.query("create table written (n int primary key)");
for (let n = 1; ; n++) {
  await client.query("insert into written values ($1)", [n]);
  process.stdout.write(`${n}\n`);
}
