import { afterAll, beforeAll, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { type OwnServer, startOwnServer } from "../../support/postgres.ts";

let primary: OwnServer;
let standbyUrl: string;
let replica: ConnectionPoolManager;

beforeAll(async () => {
  primary = await startOwnServer();
  standbyUrl = await primary.startStandby();
  replica = new ConnectionPoolManager({ connectionString: standbyUrl, max: 1 });
}, 60_000);
afterAll(async () => {
  await replica.close();
  await primary.remove();
});

const onReplica = (text: string) => replica.pool.query<Record<string, unknown>>(text);
const poll = { timeout: 10_000, interval: 20 };

it("reads from a standby that follows by streaming: behind while it lags, and what was written once it caught up", async () => {
  await using neon = new NeonClient({
    ...{ connectionString: primary.connectionString, replicaConnectionString: standbyUrl, reads: "replica" },
  });
  const where = await neon.query("select pg_is_in_recovery() as standby", [], { idempotent: true });
  expect(where).toEqual([{ standby: true }]);
  await neon.query("create table houses (id int primary key)");
  await neon.query("insert into houses values (1)");
  const read = () => neon.query("select id from houses");
  const ids = () =>
    read()
      .then((rows) => rows.map(({ id }) => id as number))
      .catch(() => []);
  await expect.poll(ids, poll).toEqual([1]);

  await onReplica("select pg_wal_replay_pause()");
  await expect
    .poll(async () => (await onReplica("select pg_get_wal_replay_pause_state() as s")).rows, poll)
    .toEqual([{ s: "paused" }]);
  await neon.query("insert into houses values (2)");
  expect(await read()).toEqual([{ id: 1 }]);
  expect(await neon.query("select id from houses", [], { replica: false })).toHaveLength(2);
  expect(await neon.transaction((tx) => tx.query("select id from houses"))).toHaveLength(2);
  await onReplica("select pg_wal_replay_resume()");
  await expect.poll(ids, poll).toEqual([1, 2]);
}, 30_000);

it("asks the primary where the standby refuses what turned out to write, and thinks no worse of either", async () => {
  const events = new EventBus();
  const fallen: string[] = [];
  events.on("pool.fell_back", ({ pool }) => fallen.push(pool));
  const pools = new ConnectionPoolManager({ connectionString: primary.connectionString, events });
  await using neon = new NeonClient({ pools, replicaConnectionString: standbyUrl, reads: "replica", events });
  await neon.query("create table if not exists visits (id int)");
  await neon.query("create function visit() returns int language sql as 'insert into visits values (1) returning id'");
  await expect
    .poll(
      () =>
        onReplica("select 'visit'::regproc").then(
          () => true,
          () => false,
        ),
      poll,
    )
    .toBe(true);
  // The caller says that twice is as good as once, and is right; nobody sees that it writes.
  expect(await neon.query("select visit() as id", [], { idempotent: true })).toEqual([{ id: 1 }]);
  expect(fallen).toEqual(["neon-replica"]);
  expect([pools.mode, (await neon.health()).status]).toEqual(["read-write", "up"]);
  expect(await neon.query("select pg_is_in_recovery() as standby", [], { idempotent: true })).toEqual([
    { standby: true },
  ]);
  await pools.close();
}, 30_000);

it("is READ_ONLY with 25006 for a client whose database is a standby, until that is promoted", async () => {
  const pools = new ConnectionPoolManager({ connectionString: standbyUrl });
  await using neon = new NeonClient({ pools });
  const write = () => neon.query("create table if not exists after_failover (id int)");
  await expect(write()).rejects.toMatchObject({ code: "READ_ONLY", sqlState: "25006" });
  await expect(write()).rejects.toMatchObject({ code: "READ_ONLY", notSent: true });
  expect(pools.mode).toBe("read-only");
  expect(await neon.query("select 1 as one")).toEqual([{ one: 1 }]);
  await onReplica("select pg_promote()");
  await expect.poll(() => pools.mode, poll).toBe("read-write");
  await write();
  await pools.close();
}, 30_000);
