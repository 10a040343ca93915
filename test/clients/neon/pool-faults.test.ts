import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager, type PoolOptions } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn, startNeonStandIn } from "../../../src/local/neon/index.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { type OwnServer, startOwnServer } from "../../support/postgres.ts";
import { startWireProxy, type WireProxy } from "./support/wire-proxy.ts";

const localNeon = (postgresUrl: string) =>
  startNeonStandIn({ faults: new FaultPlan(), engine: "postgres", postgresUrl });

describe.each(["TCP", "WebSockets"])("over %s", (way) => {
  let server: OwnServer;
  let neon: NeonStandIn | undefined;
  let options: Pick<PoolOptions, "connectionString" | "transport">;
  let proxy: WireProxy;
  const open: ConnectionPoolManager[] = [];
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => void uncaught.push(error);

  beforeAll(async () => {
    process.on("uncaughtException", onUncaught);
    server = await startOwnServer();
    const url =
      way === "TCP" ? server.connectionString : (neon = await localNeon(server.connectionString)).connectionString;
    options = { connectionString: url, transport: way === "TCP" ? "tcp" : "websocket" };
    const { hostname: host, port } = new URL(url);
    proxy = await startWireProxy({ host, port: Number(port) });
  });
  afterEach(async () => {
    proxy.heal();
    await Promise.all(open.splice(0).map((pools) => pools.close({ timeoutMs: 500 })));
    expect(uncaught).toEqual([]);
  });
  afterAll(async () => {
    process.off("uncaughtException", onUncaught);
    await proxy.close();
    await neon?.close();
    await server.remove();
  });

  function makePools(own: Partial<PoolOptions> = {}): ConnectionPoolManager {
    const pools = new ConnectionPoolManager({ ...options, max: 3, ...own });
    open.push(pools);
    return pools;
  }

  const throughProxy = () =>
    Object.assign(new URL(options.connectionString as string), { port: String(proxy.port) }).toString();
  const until = async (condition: () => boolean | Promise<boolean>) => {
    while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
  };

  async function one(pools: ConnectionPoolManager, signal?: AbortSignal): Promise<number> {
    const lease = await pools.connect(signal);
    try {
      return (await lease.query({ text: "select pg_backend_pid() as pid" }, signal)).rows[0].pid;
    } finally {
      lease.release();
    }
  }

  /** Makes `count` idle connections. */
  async function warm(pools: ConnectionPoolManager, count: number): Promise<void> {
    const leases = await Promise.all(Array.from({ length: count }, () => pools.connect()));
    leases.forEach((lease) => lease.release());
  }

  describe("a bounded line", () => {
    it("refuses at once who comes after maxWaiting others, whatever the way in", async () => {
      const pools = makePools({ max: 1, maxWaiting: 1 });
      const lease = await pools.connect();
      const waiting = one(pools);
      await expect(pools.connect()).rejects.toMatchObject({ code: "QUEUE_FULL", notSent: true });
      await expect(pools.pool.query("select 1")).rejects.toMatchObject({ code: "QUEUE_FULL" });
      lease.release();
      expect(await waiting).toBeGreaterThan(0);
      expect(pools.stats()).toMatchObject({ refused: 2, timeouts: 0, waiting: 0 });
    });

    it("is refused with CLOSED when the pool closes, and what runs is cancelled on the server after the grace", async () => {
      const pools = makePools({ max: 1, applicationName: "closing" });
      const watch = makePools();
      const lease = await pools.connect();
      const running = expect(lease.query({ text: "select pg_sleep(60)" })).rejects.toThrow();
      const waiting = expect(pools.connect()).rejects.toMatchObject({ code: "CLOSED" });
      await pools.close({ timeoutMs: 50 });
      await Promise.all([running, waiting]);
      expect(pools.stats()).toMatchObject({ total: 0, closed: { closed: 1 } });
      await until(
        async () =>
          (await watch.pool.query("select from pg_stat_activity where application_name = 'closing'")).rowCount === 0,
      );
    });
  });

  describe("a connection's life", () => {
    it("ends after maxUses", async () => {
      const pools = makePools({ maxUses: 2 });
      const [first, second, third] = [await one(pools), await one(pools), await one(pools)];
      expect([second === first, third === first]).toEqual([true, false]);
      expect(pools.stats()).toMatchObject({ created: 2, closed: { uses: 1 } });
    });

    it("survives an SQL error that pg's own pool would have thrown it away for", async () => {
      const pools = makePools();
      await expect(pools.pool.query("select 1/0")).rejects.toMatchObject({ code: "22012" });
      expect(pools.stats()).toMatchObject({ total: 1, idle: 1, created: 1 });
    });

    it("ends when a borrower gives it back in the middle of a transaction", async () => {
      const pools = makePools();
      const client = await pools.pool.connect();
      await client.query("begin");
      client.release();
      expect(pools.stats()).toMatchObject({ total: 0, closed: { discarded: 1 } });
    });
  });

  describe("leaks", () => {
    it("are told with the stack of who took the connection, once, and only where they are looked for", async () => {
      const clock = new ManualClock();
      const events = new EventBus();
      const seen: { heldMs: number; stack: string }[] = [];
      events.on("pool.leak_suspected", (event) => seen.push(event));
      const pools = makePools({ clock, events, leakAfterMs: 10_000 });
      async function whoForgets() {
        return pools.pool.connect();
      }
      const client = await whoForgets();
      const quick = await pools.connect();
      quick.release();
      await clock.advance(60_000);
      expect(seen).toEqual([expect.objectContaining({ heldMs: 10_000, stack: expect.stringContaining("whoForgets") })]);
      expect(pools.stats().leaks).toBe(1);
      client.release();

      // Through all the rooms of a call, too.
      const neon = new NeonClient({ pools, clock, runner: createPipeline({ clock }) });
      async function whoHoldsOn() {
        await neon.transaction(() => clock.advance(10_000), { deadlineMs: 20_000 });
      }
      await whoHoldsOn();
      expect(seen[1]!.stack).toContain("whoHoldsOn");

      const unwatched = makePools({ clock, events });
      const lease = await unwatched.connect();
      await clock.advance(60_000);
      expect([seen.length, unwatched.stats().leaks]).toEqual([2, 0]);
      lease.release();
    });
  });

  describe("a path that died without a word", () => {
    it("is found before lending, in validationTimeoutMs, and all idle connections with it", async () => {
      const pools = makePools({ connectionString: throughProxy(), validateAfterIdleMs: 0, validationTimeoutMs: 100 });
      await warm(pools, 3);
      proxy.freeze();
      proxy.heal();
      const startedAt = performance.now();
      expect(await one(pools)).toBeGreaterThan(0);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      expect(pools.stats()).toMatchObject({ total: 1, closed: { silent: 3 } });
    });

    it("is suspected everywhere after one statement that nobody answered", async () => {
      const pools = makePools({ connectionString: throughProxy(), validationTimeoutMs: 100 });
      await warm(pools, 3);
      proxy.freeze();
      await expect(one(pools, AbortSignal.timeout(200))).rejects.toMatchObject({ name: "TimeoutError" });
      proxy.heal();
      expect(await one(pools, AbortSignal.timeout(1_000))).toBeGreaterThan(0);
      expect(pools.stats()).toMatchObject({ total: 1, closed: { silent: 2, discarded: 1 } });
    });

    it("does not cost a live connection its life, only a question", async () => {
      const pools = makePools({ validateAfterIdleMs: 0 });
      expect(await one(pools)).toBe(await one(pools));
      expect(pools.stats()).toMatchObject({ created: 1, closed: { silent: 0, lost: 0 } });
    });

    it("holds up nobody for long who waited for a connection meanwhile", async () => {
      const pools = makePools({ connectionString: throughProxy() });
      proxy.freeze();
      const waiting = one(pools, AbortSignal.timeout(10_000));
      await new Promise((resolve) => setTimeout(resolve, 100));
      proxy.heal();
      const healedAt = performance.now();
      expect(await waiting).toBeGreaterThan(0);
      expect(performance.now() - healedAt).toBeLessThan(2_000);
    });

    it("holds up nobody who comes after it healed, though attempts to connect hang in it", async () => {
      const pools = makePools({ connectionString: throughProxy(), max: 1 });
      proxy.freeze();
      await expect(one(pools, AbortSignal.timeout(1_100))).rejects.toMatchObject({ name: "TimeoutError" });
      proxy.heal();
      expect(await one(pools, AbortSignal.timeout(1_000))).toBeGreaterThan(0);
    });
  });

  describe("a result that is cut half way", () => {
    it.each<readonly [string, (neon: NeonClient, text: string) => Promise<readonly object[]>]>([
      ["a statement's", (neon, text) => neon.query(text)],
      ["one in a transaction", (neon, text) => neon.transaction((tx) => tx.query(text), { readOnly: true })],
      ["one of a tool's", async (neon, text) => (await neon.pool.query(text)).rows as object[]],
    ])("is an error, never fewer rows, and costs its connection alone: %s", async (_whose, read) => {
      const pools = makePools({ connectionString: throughProxy() });
      const neon = new NeonClient({ pools });
      const text = "select n, repeat('x', 1000) as filling from generate_series(1, 1000) n";
      for (const bytes of [1, 100, 5_000, 500_000, 1_000_000]) {
        expect(await read(neon, text)).toHaveLength(1_000);
        proxy.cutAfter(bytes);
        await expect(read(neon, text)).rejects.toThrow();
      }
      expect(await read(neon, text)).toHaveLength(1_000);
      expect(pools.stats()).toMatchObject({ lent: 0, waiting: 0 });
      await neon.close();
    });
  });

  describe("a server that crashes and comes back", () => {
    it("makes the pool offline: writes are refused with the reason, and it is back within two seconds by itself", async () => {
      const events = new EventBus();
      const told: string[] = [];
      events.onAny(({ name, event }) => {
        if (name === "pool.mode_changed") told.push(event.mode);
        if (name === "pool.recovery_started" || name === "pool.recovery_ended") told.push(name);
      });
      const pools = makePools({ events, connectionTimeoutMs: 2_000 });
      const neon = new NeonClient({ pools });
      await neon.query("create table if not exists notes (id int)");
      await server.crash();
      await until(async () => {
        await one(pools).catch(() => undefined);
        return pools.mode === "offline";
      });
      await expect(neon.query("insert into notes values (1)")).rejects.toMatchObject({
        code: "READ_ONLY",
        message: expect.stringMatching(/takes no writes now \(.+\)/),
      });
      await expect(neon.transaction((tx) => tx.query("select 1"))).rejects.toMatchObject({ code: "READ_ONLY" });
      await expect(neon.query("select 1")).rejects.toMatchObject({ code: "NETWORK" }); // reads may try
      await server.restart();
      const backAt = performance.now();
      await until(() => pools.mode === "read-write");
      expect(performance.now() - backAt).toBeLessThan(2_000);
      expect((await neon.query("insert into notes values (1)")).rowCount).toBe(1);
      expect(told).toEqual(["offline", "pool.recovery_started", "read-write", "pool.recovery_ended"]);
      expect(pools.stats().connectFailures).toBeGreaterThanOrEqual(3);
    }, 20_000);

    it("that became read-only is seen to take writes again without a write being tried", async () => {
      const pools = makePools();
      const neon = new NeonClient({ pools });
      const admin = makePools();
      await admin.pool.query("alter system set default_transaction_read_only = on");
      await admin.pool.query("select pg_reload_conf()");
      await until(async () => {
        const refusal = await neon.query("create table if not exists notes (id int)").catch((error: unknown) => error);
        return (refusal as { code?: string }).code === "READ_ONLY";
      });
      await until(() => pools.mode === "read-only");
      expect(await pools.health()).toMatchObject({ status: "degraded", mode: "read-only" });
      expect((await neon.query("select 1 as one"))[0]).toEqual({ one: 1 });
      await admin.pool.query("alter system reset default_transaction_read_only");
      await admin.pool.query("select pg_reload_conf()");
      await until(() => pools.mode === "read-write");
    });

    it("makes the pool read-only when the circuit opens, until a question is answered", async () => {
      const events = new EventBus();
      const pools = makePools({ events });
      events.emit("circuit.opened", { service: "ollama", reason: "other", breakMs: 1 });
      events.emit("circuit.opened", { service: "neon", part: "replica", reason: "other", breakMs: 1 });
      expect(pools.mode).toBe("read-write");
      events.emit("circuit.opened", { service: "neon", reason: "half of 20 calls failed", breakMs: 5_000 });
      expect(pools.mode).toBe("read-only");
      expect(() => pools.assertWritable()).toThrow(/half of 20 calls failed/);
      await until(() => pools.mode === "read-write");
    });

    it("is not asked for when nobody wants it any more", async () => {
      const clock = new ManualClock();
      const events = new EventBus();
      let attempts = 0;
      const ends: string[] = [];
      events.on("pool.recovery_attempted", () => (attempts += 1));
      events.on("pool.recovery_ended", ({ outcome }) => ends.push(outcome));
      const pools = makePools({
        clock,
        events,
        suspendAfterMs: 1_000,
        connectionString: "postgresql://u:p@127.0.0.1:1/d",
      });
      for (let attempt = 0; attempt < 3; attempt += 1) await expect(pools.connect()).rejects.toThrow();
      expect(pools.mode).toBe("offline");
      for (let step = 0; step < 40; step += 1) {
        await clock.advance(100);
        await new Promise((resolve) => setTimeout(resolve, 2)); // the refusal comes from the system
      }
      expect(attempts).toBeGreaterThan(1);
      expect([ends, pools.mode, clock.pendingTimers]).toEqual([["paused"], "read-write", 0]);
    });
  });
});
