import { execFile } from "node:child_process";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager, type PoolOptions } from "../../../src/clients/connection-pool-manager.ts";
import { EventBus, Secret } from "../../../src/core/index.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { postgresOverNeon, postgresOverTcp, type PostgresTarget } from "./support/targets.ts";

const run = promisify(execFile);

describe.each([
  ["TCP", postgresOverTcp],
  ["WebSockets", postgresOverNeon],
] as const)("over %s", (way, start) => {
  let database: PostgresTarget;
  const open: ConnectionPoolManager[] = [];
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => void uncaught.push(error);

  beforeAll(async () => {
    process.on("uncaughtException", onUncaught);
    database = await start();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((pools) => pools.close({ timeoutMs: 1_000 })));
    expect(uncaught).toEqual([]);
  });
  afterAll(async () => {
    process.off("uncaughtException", onUncaught);
    await database.close();
  });

  function makePools(options: Partial<PoolOptions> = {}): ConnectionPoolManager {
    const pools = new ConnectionPoolManager({ ...database.options, max: 3, ...options });
    open.push(pools);
    return pools;
  }

  async function pidOf(pools: ConnectionPoolManager): Promise<number> {
    const lease = await pools.connect();
    try {
      return (await lease.query({ text: "select pg_backend_pid() as pid" })).rows[0].pid;
    } finally {
      lease.release();
    }
  }

  const kill = (pid: number) => database.admin("select pg_terminate_backend($1)", [pid]);
  const until = async (condition: () => boolean | Promise<boolean>) => {
    while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
  };

  describe("ConnectionPoolManager's construction", () => {
    it("connects to nothing and starts no timer", async () => {
      const clock = new ManualClock();
      const pools = makePools({ clock, connectionString: "postgresql://u:p@192.0.2.1/db" });
      expect(pools.stats()).toMatchObject({
        total: 0,
        idle: 0,
        lent: 0,
        waiting: 0,
        max: 3,
        usagePercent: 0,
        created: 0,
      });
      expect(clock.pendingTimers).toBe(0);
      await pools.close();
    });

    it("refuses every bad option at once, with its range and what it got", () => {
      expect(() =>
        makePools({ max: 0, queryTimeoutMs: NaN, idleTimeoutMs: -1, transport: "carrier" as never }),
      ).toThrow(
        /max must be .* 1 to 10000, got 0; idleTimeoutMs .* got -1; queryTimeoutMs .* got NaN; transport must be/,
      );
    });

    it.each([
      "not a url pa55word",
      "mysql://u:pa55word@h/d",
      "postgresql://u:pa55%word@h/d",
      "postgresql://:pa55word@h/d",
      "postgresql://u:pa55word@h/d?sslmode=maybe",
    ])("refuses a malformed connection string without showing it", (connectionString) => {
      let thrown: Error | undefined;
      try {
        makePools({ connectionString: new Secret(connectionString) });
      } catch (error) {
        thrown = error as Error;
      }
      expect(thrown).toMatchObject({ code: "INVALID_INPUT", message: expect.stringContaining("connectionString") });
      expect(`${thrown?.stack}${JSON.stringify(thrown)}`).not.toContain("pa55");
      expect(thrown?.cause).toBeUndefined();
    });

    it("takes TCP for any host but Neon's, unless told otherwise", () => {
      const neon = "postgresql://u:p@ep-cool-1.eu-central-1.aws.neon.tech/db";
      expect(makePools({ transport: undefined }).transport).toBe("tcp");
      expect(makePools({ connectionString: neon, transport: undefined }).transport).toBe("websocket");
      expect(makePools({ connectionString: neon, transport: "tcp" }).transport).toBe("tcp");
      expect(makePools({ transport: "http" }).transport).toBe("websocket");
    });
  });

  describe("ConnectionPoolManager's leases", () => {
    it("come back and are lent again", async () => {
      const pools = makePools();
      expect(await pidOf(pools)).toBe(await pidOf(pools));
      expect(pools.stats()).toMatchObject({ total: 1, idle: 1, usagePercent: 0 });
    });

    it("may be released twice, and twice is once", async () => {
      const pools = makePools();
      const lease = await pools.connect();
      lease.release();
      lease.release();
      lease.discard();
      expect(pools.stats()).toMatchObject({ total: 1, idle: 1 });
    });

    it("carry the application's name and the statement's bound to the server", async () => {
      const pools = makePools({ applicationName: "billing", queryTimeoutMs: 1234 });
      const lease = await pools.connect();
      const { rows } = await lease.query({
        text: "select current_setting('application_name') as name, current_setting('statement_timeout') as bound",
      });
      lease.release();
      // Over WebSockets each transaction sets it: see statement-timeout.test.ts.
      expect(rows[0]).toEqual({ name: "billing", bound: way === "TCP" ? "1234ms" : "0" });
    });

    it("are waited for no longer than connectionTimeoutMs, then QUEUE_FULL says that all were busy", async () => {
      const clock = new ManualClock();
      const pools = makePools({ clock, max: 1, connectionTimeoutMs: 5_000 });
      const lease = await pools.connect();
      const waiting = pools.connect();
      await clock.advance(5_000);
      await expect(waiting).rejects.toMatchObject({
        code: "QUEUE_FULL",
        verdict: "throttled",
        notSent: true,
        message: expect.stringContaining("all 1 connections"),
      });
      lease.release();
      expect(await pidOf(pools)).toBeGreaterThan(0); // what came after we gave up went back to the pool
      expect(pools.mode).toBe("read-write");
      expect(pools.stats()).toMatchObject({ timeouts: 1, acquireWait: { count: 2 } });
      await pools.close();
      expect(clock.pendingTimers).toBe(0);
    });

    it("are given up at once when the caller aborts", async () => {
      const pools = makePools({ max: 1 });
      const lease = await pools.connect();
      const caller = new AbortController();
      const waiting = pools.connect(caller.signal);
      caller.abort(new Error("changed my mind"));
      await expect(waiting).rejects.toThrow("changed my mind");
      lease.release();
      expect(await pidOf(pools)).toBeGreaterThan(0);
    });

    it("never go back with an unfinished statement, which is cancelled on the server", async () => {
      const pools = makePools();
      const lease = await pools.connect();
      const caller = new AbortController();
      const running = lease.query({ text: "select pg_sleep(60)" }, caller.signal);
      await until(
        async () =>
          (
            await database.admin(
              "select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'",
            )
          ).length > 0,
      );
      caller.abort(new Error("enough"));
      await expect(running).rejects.toThrow("enough");
      lease.release();
      expect(pools.stats().total).toBe(0);
      await until(
        async () =>
          (await database.admin("select from pg_stat_activity where query = 'select pg_sleep(60)'")).length === 0,
      );
    });

    it("are cut after a statement that outlasted queryTimeoutMs", async () => {
      const pools = makePools({ queryTimeoutMs: 250 });
      const lease = await pools.connect();
      await lease.query({ text: "set statement_timeout = 0" });
      await expect(lease.query({ text: "select pg_sleep(60)" })).rejects.toThrow("Query read timeout");
      lease.release();
      expect(pools.stats().total).toBe(0);
    });

    it("are replaced at an age that differs by up to a tenth", async () => {
      const clock = new ManualClock();
      const draws = [0, 0.5];
      const random = { next: () => draws.shift() ?? 0 };
      const pools = makePools({
        clock,
        random,
        maxLifetimeMs: 100_000,
        idleTimeoutMs: 0,
        validateAfterIdleMs: 86_400_000,
      });
      const leases = [await pools.connect(), await pools.connect()];
      leases.forEach((lease) => lease.release());
      await clock.advance(95_000);
      (await pools.connect()).release();
      expect(pools.stats()).toMatchObject({ total: 1, closed: { lifetime: 1 } });
      await clock.advance(5_000);
      (await pools.connect()).release();
      expect(pools.stats()).toMatchObject({ total: 1, created: 3, closed: { lifetime: 2 } });
    });

    it("are replaced when they are old", async () => {
      const pools = makePools({ maxLifetimeMs: 20 });
      const first = await pidOf(pools);
      await until(async () => (await pidOf(pools)) !== first);
    });

    it("do not keep the process alive while they are idle", async () => {
      const script = `import { ConnectionPoolManager } from ${JSON.stringify(new URL("../../../src/clients/connection-pool-manager.ts", import.meta.url).href)};
      const pools = new ConnectionPoolManager({ ...${JSON.stringify(database.options)}, idleTimeoutMs: 0 });
      const lease = await pools.connect();
      console.log((await lease.query({ text: "select 1 as one" })).rows[0].one);
      lease.release();`;
      const child = await run(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
      expect(child.stdout).toBe("1\n");
    });

    it("are closed when they were idle for idleTimeoutMs", async () => {
      const pools = makePools({ idleTimeoutMs: 10 });
      await pidOf(pools);
      await until(() => pools.stats().total === 0);
    });
  });

  describe("a killed connection", () => {
    it("costs nothing while idle: the event tells, the next caller gets a new one", async () => {
      const events = new EventBus();
      const lost: string[] = [];
      events.on("pool.connection_lost", ({ message }) => lost.push(message));
      const pools = makePools({ events });
      const pid = await pidOf(pools);
      await kill(pid);
      await until(() => lost.length > 0);
      expect(lost).toEqual([expect.stringContaining("administrator command")]);
      expect(await pidOf(pools)).not.toBe(pid);
    });

    it("does not take the process down while it is lent and idle", async () => {
      const events = new EventBus();
      let lost = 0;
      events.on("pool.connection_lost", () => (lost += 1));
      const pools = makePools({ events });
      const lease = await pools.connect();
      const { pid } = (await lease.query({ text: "select pg_backend_pid() as pid" })).rows[0];
      await kill(pid);
      await until(() => lost > 0);
      await expect(lease.query({ text: "select 1" })).rejects.toThrow(/not queryable/);
      lease.release();
      expect(lost).toBe(1);
      expect(await pidOf(pools)).not.toBe(pid);
    });

    it("fails its statement and nothing else", async () => {
      const pools = makePools();
      const lease = await pools.connect();
      const { pid } = (await lease.query({ text: "select pg_backend_pid() as pid" })).rows[0];
      const running = lease.query({ text: "select pg_sleep(60)" });
      const failed = expect(running).rejects.toMatchObject({ code: "57P01" });
      await kill(pid);
      await failed;
      lease.release();
      expect(await pidOf(pools)).not.toBe(pid);
    });

    it("is harmless to a host that uses the pg-compatible pool itself", async () => {
      const pools = makePools();
      const client = await pools.pool.connect();
      const { pid } = (await client.query("select pg_backend_pid() as pid")).rows[0];
      await kill(pid);
      await expect(client.query("select 1")).rejects.toThrow();
      client.release(true);
      expect((await pools.pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    });
  });

  describe("the pool's mode and health", () => {
    it("goes offline after three refused connections and back with the first that works", async () => {
      const events = new EventBus();
      const modes: string[] = [];
      events.on("pool.mode_changed", ({ mode }) => modes.push(mode));
      const { port, close } = await silentServer((socket) => socket.destroy());
      const pools = makePools({ events, connectionString: `postgresql://u:p@127.0.0.1:${port}/db` });
      for (let attempt = 0; attempt < 4; attempt += 1)
        await expect(pools.connect()).rejects.toMatchObject({ code: "NETWORK", verdict: "retryable", notSent: true });
      expect(modes).toEqual(["offline"]);
      expect(await pools.health()).toMatchObject({ status: "down", source: "probe", mode: "offline" });
      pools.observe("answered");
      expect(modes).toEqual(["offline", "read-write"]);
      await close();
    });

    it("bounds a connection to a server that accepts and stays silent", async () => {
      const { port, close } = await silentServer(() => undefined);
      const pools = makePools({ connectionTimeoutMs: 50, connectionString: `postgresql://u:p@127.0.0.1:${port}/db` });
      await expect(pools.connect()).rejects.toMatchObject({ code: "NETWORK", notSent: true });
      await until(() => pools.stats().total === 0);
      await close();
    });

    it("asks the database only when no traffic answers for it", async () => {
      const pools = makePools();
      expect(await pools.health()).toMatchObject({ status: "up", source: "probe" });
      const statements = async () =>
        (
          await database.admin<{ n: number }>(
            "select sum(xact_commit)::int as n from pg_stat_database where datname = current_database()",
          )
        )[0]!.n;
      expect(await statements()).toBeGreaterThan(0);
      const idle = await Promise.all([pools.health(), pools.health()]);
      expect(idle).toEqual([
        expect.objectContaining({ source: "traffic" }),
        expect.objectContaining({ source: "traffic" }),
      ]);
    });

    it("asks once for many who ask at the same time, and gives the connection back when the question fails", async () => {
      let connections = 0;
      const { port, close } = await silentServer((socket) => {
        connections += 1;
        socket.destroy();
      });
      const pools = makePools({ connectionString: `postgresql://u:p@127.0.0.1:${port}/db` });
      const answers = await Promise.all(Array.from({ length: 5 }, () => pools.health()));
      expect(answers.every(({ status }) => status === "down")).toBe(true);
      expect(connections).toBe(1);
      expect(pools.stats()).toMatchObject({ total: 0, waiting: 0 });
      await close();
    });

    it("is degraded when callers must wait", async () => {
      const pools = makePools({ max: 1 });
      const lease = await pools.connect();
      expect(await pools.health()).toMatchObject({
        status: "degraded",
        message: expect.stringContaining("1 of 1 connections"),
      });
      lease.release();
      expect(await pools.health()).toMatchObject({ status: "up" });
    });

    it("tells of changes once per turn, after they happened", async () => {
      const events = new EventBus();
      const seen: unknown[] = [];
      events.on("pool.changed", ({ total, idle, waiting }) => seen.push({ total, idle, waiting }));
      const pools = makePools({ events, name: "main" });
      (await pools.connect()).release();
      await until(() => seen.length === 3);
      expect(seen).toEqual([
        { total: 1, idle: 0, waiting: 1 },
        { total: 1, idle: 0, waiting: 0 },
        { total: 1, idle: 1, waiting: 0 },
      ]);
    });
  });

  describe("closing", () => {
    it("settles in a program that does nothing else, also under Kysely", async () => {
      const source = new URL("../../../src/clients/connection-pool-manager.ts", import.meta.url).href;
      const script = `import { Kysely, PostgresDialect, sql } from "kysely";
      import { ConnectionPoolManager } from ${JSON.stringify(source)};
      const make = () => new ConnectionPoolManager(${JSON.stringify(database.options)});
      const pools = make();
      await pools.wake();
      await pools.close();
      const kysely = new Kysely({ dialect: new PostgresDialect({ pool: make().pool }) });
      await sql\`select 1\`.execute(kysely);
      await kysely.destroy();
      console.log("closed");`;
      const child = await run(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
      expect(child).toEqual({ stdout: "closed\n", stderr: "" });
    });

    it("waits for lent connections, refuses new ones, and may be asked twice", async () => {
      const pools = makePools();
      const lease = await pools.connect();
      const closing = pools.close();
      expect(pools.close()).toBe(closing);
      await expect(pools.connect()).rejects.toMatchObject({ code: "CLOSED" });
      expect((await lease.query({ text: "select 1 as one" })).rows).toEqual([{ one: 1 }]);
      lease.release();
      await closing;
      expect(pools.stats().total).toBe(0);
      expect(await pools.health()).toMatchObject({ status: "down", message: "the pool is closed" });
    });

    it("cuts after timeoutMs what nobody gave back", async () => {
      const clock = new ManualClock();
      const pools = makePools({ clock });
      const lease = await pools.connect();
      const running = expect(lease.query({ text: "select pg_sleep(60)" })).rejects.toThrow();
      const closing = pools.close({ timeoutMs: 2_000 });
      await clock.advance(2_000);
      await closing;
      await running;
      lease.release();
    });
  });
});

async function silentServer(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
