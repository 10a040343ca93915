import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn, startNeonStandIn } from "../../../src/local/neon/index.ts";
import { LeapingClock } from "../../support/leaping-clock.ts";
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

describe.each(["TCP", "HTTP, before the local Neon"])("over %s", (way) => {
  const standIns: NeonStandIn[] = [];
  afterAll(() => Promise.all(standIns.map((each) => each.close())));

  const serving = async (postgresUrl: string): Promise<string> => {
    if (way === "TCP") return postgresUrl;
    const standIn = await startNeonStandIn({ faults: new FaultPlan(), engine: "postgres", postgresUrl });
    standIns.push(standIn);
    return standIn.connectionString;
  };

  it("asks the primary where replay cancels the read on the standby, and comes back to the standby", async () => {
    const events = new EventBus();
    const fallen: string[] = [];
    events.on("pool.fell_back", ({ reason }) => fallen.push(reason));
    const clock = new LeapingClock();
    await using neon = new NeonClient({
      ...{ connectionString: await serving(primary.connectionString), reads: "replica", events, clock },
      ...{ replicaConnectionString: await serving(standbyUrl), transport: way === "TCP" ? "tcp" : "http" },
    });
    await neon.query("create table if not exists conflicts (id int)");
    await neon.query("insert into conflicts values (1)");
    const arrived = () => onReplica("select from conflicts").catch(() => ({ rows: [] }));
    await expect.poll(async () => (await arrived()).rows.length, poll).toBe(1);
    await onReplica("alter system set max_standby_streaming_delay = 0");
    await onReplica("select pg_reload_conf()");
    // Holds its lock on the standby, until replay wants a stronger one; sleeps there alone.
    const read = neon.query(
      "select pg_is_in_recovery() as standby from conflicts where pg_is_in_recovery() is false or pg_sleep(20) is null",
      [],
      { idempotent: true },
    );
    const sleeping =
      "select 1 from pg_stat_activity where state = 'active' and query like '%from conflicts where%' and pid <> pg_backend_pid()";
    await expect.poll(async () => (await onReplica(sleeping)).rows.length, poll).toBe(1);
    await neon.query("truncate conflicts");
    expect(await read).toEqual([]);
    expect(fallen).toEqual([expect.stringContaining("conflict with recovery")]);
    clock.leap(1_000);
    const where = await neon.query("select pg_is_in_recovery() as standby", [], { idempotent: true });
    expect(where).toEqual([{ standby: true }]);
  }, 30_000);

  it("reads from the standby, writes to the primary, and follows neither's failure to the other", async () => {
    const events = new EventBus();
    const fallen: string[] = [];
    events.on("pool.fell_back", ({ pool }) => fallen.push(pool));
    await using neon = new NeonClient({
      ...{ connectionString: await serving(primary.connectionString), reads: "replica", events },
      ...{ replicaConnectionString: await serving(standbyUrl), transport: way === "TCP" ? "tcp" : "http" },
    });
    const standby = async (text: string) => (await neon.query(text, [], { idempotent: true }))[0];
    expect(await standby("select pg_is_in_recovery() as standby")).toEqual({ standby: true });
    await neon.query("create table if not exists two_ways (id int)");
    expect(await neon.transaction((tx) => tx.query("select pg_is_in_recovery() as standby"))).toEqual([
      { standby: false },
    ]);
    await expect(neon.query("select * from nowhere_at_all")).rejects.toMatchObject({ sqlState: "42P01" });
    expect(
      await standby("with made as (select pg_current_xact_id() as id) select id::text is null as none from made"),
    ).toEqual({ none: false });
    expect(fallen).toEqual(["neon-replica"]);
    expect((await neon.health()).status).toBe("up");
  }, 30_000);
});

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
