import { afterAll, beforeAll, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient, type NeonClientOptions } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { logEvents } from "../../../src/monitoring/logs/log-events.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { openDoor } from "../../support/door.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

let primary: TestDatabase;
let replica: TestDatabase;
beforeAll(async () => {
  [primary, replica] = await Promise.all([createDatabase(), createDatabase()]);
});
afterAll(() => Promise.all([primary.drop(), replica.drop()]));

const where = "select current_database() as name";
const nameOf = (database: TestDatabase) => new URL(database.connectionString).pathname.slice(1);
const makeClient = (options: Partial<NeonClientOptions> = {}) =>
  new NeonClient({
    connectionString: primary.connectionString,
    replicaConnectionString: replica.connectionString,
    ...options,
  });

it("answers the reads that allow it, and nothing else", async () => {
  await using neon = makeClient();
  const name = async (options?: object) => (await neon.query<{ name: string }>(where, [], options))[0]!.name;
  expect(await name()).toBe(nameOf(primary));
  expect(await name({ replica: true })).toBe(nameOf(replica));
  await expect(neon.query("create table notes (id int)", [], { replica: true })).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: expect.stringContaining("replica is for reads"),
  });
});

it("answers all plain reads where that is the client's default, but none in a transaction", async () => {
  await using neon = makeClient({ reads: "replica" });
  expect(await neon.query(where)).toEqual([{ name: nameOf(replica) }]);
  expect(await neon.query(where, [], { replica: false })).toEqual([{ name: nameOf(primary) }]);
  expect(await neon.transaction((tx) => tx.query(where))).toEqual([{ name: nameOf(primary) }]);
  await neon.query("create table written (id int)");
  expect(await primary.admin("select to_regclass('written') is not null as here")).toEqual([{ here: true }]);
});

it("is replaced by the primary when it fails", async () => {
  const events = new EventBus();
  const fallen: string[] = [];
  events.on("pool.fell_back", ({ pool }) => fallen.push(pool));
  await using neon = makeClient({
    events,
    reads: "replica",
    replicaConnectionString: "postgresql://u:p@127.0.0.1:1/d",
  });
  expect(await neon.query(where)).toEqual([{ name: nameOf(primary) }]);
  expect(fallen).toEqual(["neon-replica"]);
  await expect(neon.query("select * from nowhere")).rejects.toMatchObject({ sqlState: "42P01" });
});

it("says once that its connection was lost, though its client's logger and its events are written to one log", async () => {
  const events = new EventBus();
  const lines: string[] = [];
  const write = (_fields: object, message: string) => void lines.push(message);
  const logger = { debug: write, info: write, warn: write, error: write };
  const stop = logEvents(events, logger);
  // As createIntegration does it: a given pool leaves its lines to whoever hears its events.
  const pools = new ConnectionPoolManager({ connectionString: primary.connectionString, events });
  await using neon = makeClient({ pools, events, logger, reads: "replica" });
  const [own] = await neon.query<{ pid: number }>("select pg_backend_pid() as pid");
  const lost = new Promise((resolve) => events.on("pool.connection_lost", resolve));
  await replica.admin("select pg_terminate_backend($1)", [own!.pid]);
  await lost;
  expect(lines.filter((line) => line.includes("lost"))).toEqual([
    expect.stringMatching(/neon-replica lost a connection: terminating connection/),
  ]);
  stop();
  await pools.close();
});

it("answers while the primary's circuit is open", async () => {
  const events = new EventBus();
  const door = await openDoor(Number(new URL(primary.connectionString).port));
  const through = new URL(primary.connectionString);
  through.host = `127.0.0.1:${door.port}`;
  const runner = createPipeline({ events, services: { neon: { maxAttempts: 1, breaker: { minimumCalls: 3 } } } });
  await using neon = makeClient({ runner, events, connectionString: through.href });
  await door.shut();
  for (let call = 0; call < 3; call += 1) await expect(neon.query(where)).rejects.toMatchObject({ service: "neon" });
  await expect(neon.query(where)).rejects.toMatchObject({ code: "CIRCUIT_OPEN" });
  expect(await neon.query(where, [], { replica: true })).toEqual([{ name: nameOf(replica) }]);
});

it("refuses a default that cannot be, and needs no replica for the option", async () => {
  const none = { replicaConnectionString: undefined };
  expect(() => makeClient({ ...none, reads: "replica" })).toThrow(/needs replicaConnectionString/);
  expect(() => makeClient({ reads: "both" as never })).toThrow(/reads must be primary or replica, got both/);
  await using neon = makeClient(none);
  expect(await neon.query(where, [], { replica: true })).toEqual([{ name: nameOf(primary) }]);
});
