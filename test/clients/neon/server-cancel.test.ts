import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { postgresOverNeon, postgresOverTcp, type Target } from "./support/targets.ts";

/** What nobody waits for must not go on running: from the abort, ms. The statements would take 60,000. */
const GONE_WITHIN_MS = 500;
/** The best of so many counts: the machine may be busy with something else. */
const TRIES = 5;

describe.each([
  ["TCP", postgresOverTcp],
  ["HTTP and WebSockets", postgresOverNeon],
] as const)("over %s", (_, start) => {
  let target: Target;
  let pools: ConnectionPoolManager;
  let neon: NeonClient;
  let watcher: NeonClient;

  beforeAll(async () => {
    target = await start();
    pools = new ConnectionPoolManager({ ...target.options, max: 4 });
    neon = new NeonClient({ pools });
    watcher = new NeonClient({ ...target.options, max: 1 });
  });
  afterAll(async () => {
    await neon.close();
    await watcher.close();
    await pools.close();
    await target.close();
  });

  /** Statements with this mark that the server runs now. */
  const running = async (mark: string) =>
    (
      await watcher.query`select pid from pg_stat_activity
      where state = 'active' and query like ${`%${mark}%`} and pid <> pg_backend_pid()`
    ).length;
  const until = async (mark: string, count: number) => {
    while ((await running(mark)) !== count);
  };
  /** Ms from the abort until the server runs no such statement, at best. */
  const goneAfterMs = async (mark: string, run: (signal: AbortSignal) => Promise<unknown>) => {
    let best = Infinity;
    for (let tries = 0; tries < TRIES && best >= GONE_WITHIN_MS; tries += 1) {
      const caller = new AbortController();
      const outcome = expect(run(caller.signal)).rejects.toMatchObject({ code: "ABORTED" });
      await until(mark, 1);
      const abortedAt = performance.now();
      caller.abort();
      await outcome;
      await until(mark, 0);
      best = Math.min(best, performance.now() - abortedAt);
    }
    return best;
  };

  describe("what is given up", () => {
    const given: readonly (readonly [string, (mark: string, signal: AbortSignal) => Promise<unknown>])[] = [
      ["a query", (mark, signal) => neon.query(`select pg_sleep(60) /* ${mark} */`, [], { signal })],
      ["a batch", (mark, signal) => neon.batch([{ text: `select pg_sleep(60) /* ${mark} */` }], { signal })],
      [
        "a transaction",
        (mark, signal) => neon.transaction((tx) => tx.query(`select pg_sleep(60) /* ${mark} */`), { signal }),
      ],
      [
        "a statement of a transaction",
        (mark, signal) => neon.transaction((tx) => tx.query(`select pg_sleep(60) /* ${mark} */`, [], { signal })),
      ],
      [
        "a bulk insert",
        async (mark, signal) => {
          await neon.query(`create table if not exists slow_${mark} (id int check (pg_sleep(60) is not null))`);
          await neon.bulkInsert(`slow_${mark}`, [{ id: 1 }], { signal });
        },
      ],
    ];
    it.each(given)("is cancelled on the server: %s", async (name, run) => {
      const mark = name.replaceAll(" ", "_");
      expect(await goneAfterMs(mark, (signal) => run(mark, signal))).toBeLessThan(GONE_WITHIN_MS);
      expect(await neon.query`select 1 as one`).toEqual([{ one: 1 }]);
    });

    it("is cancelled on the server: a stream between two batches of a slow statement", async () => {
      const consume = async (signal: AbortSignal) => {
        const text = "select pg_sleep(case when n < 5 then 0 else 60 end) /* streaming */ from generate_series(1, 9) n";
        for await (const _row of neon.stream(text, [], { batchRows: 2, signal }));
      };
      // The cursor's text is not what is shown while it is fetched from.
      expect(await goneAfterMs("fetch forward 2", consume)).toBeLessThan(GONE_WITHIN_MS);
    });

    it("is cancelled on the server: what a transaction still runs when the pool closes", async () => {
      const closing = new NeonClient(target.options);
      const running = closing.transaction((tx) => tx.query("select pg_sleep(60) /* closing */"));
      const outcome = expect(running).rejects.toMatchObject({ name: "IntegrationError" });
      await until("closing", 1);
      await closing.close({ timeoutMs: 10 });
      await outcome;
      await until("closing", 0);
    });

    it("is cancelled on the server: what a query builder's connection ran when it was thrown away", async () => {
      const client = await pools.pool.connect();
      const thrown = expect(client.query("select pg_sleep(60) /* thrown_away */")).rejects.toThrow();
      const next = expect(client.query("create table never_made (id int)")).rejects.toThrow();
      await until("thrown_away", 1);
      client.release(true);
      await until("thrown_away", 0);
      await Promise.all([thrown, next]);
      expect(await neon.query`select to_regclass('never_made') as found`).toEqual([{ found: null }]);
    });

    it("is cancelled on the server: what outlasts its own time", async () => {
      const impatient = new NeonClient({ ...target.options, queryTimeoutMs: 100 });
      await expect(impatient.query("select pg_sleep(60) /* outlasting */")).rejects.toThrow(/timeout/);
      await until("outlasting", 0);
      await impatient.close();
    });
  });

  describe("a hedged read", () => {
    it("takes the first answer, and cancels the slower one on the server", async () => {
      const events = new EventBus();
      let hedges = 0;
      events.on("hedge.started", () => void (hedges += 1));
      const runner = createPipeline({ events });
      const hedging = new NeonClient({ pools, runner });
      await neon.query("create table gate (id int)");
      await neon.query("create sequence turns");
      // The first to come sleeps, the second does not.
      const text = "select case when nextval('turns') = 1 then pg_sleep(60)::text else 'quick' end as v /* hedged */";
      const rows = await hedging.query(text, [], { idempotent: true, hedge: { afterMs: 50 } });
      expect(rows).toEqual([{ v: "quick" }]);
      expect(hedges).toBe(1);
      await until("hedged", 0);
      await runner.close();
    });

    it("is refused for what may change something, and switched off by false", async () => {
      await expect(neon.query("delete from gate", [], { hedge: true })).rejects.toMatchObject({
        code: "INVALID_INPUT",
        message: expect.stringContaining("hedge is for reads"),
      });
      const events = new EventBus();
      let hedges = 0;
      events.on("hedge.started", () => void (hedges += 1));
      const runner = createPipeline({ events, services: { neon: { hedge: { afterMs: 1 } } } });
      const hedging = new NeonClient({ pools, runner });
      const text = "select pg_sleep(0.1)";
      await hedging.query(text, [], { idempotent: true, hedge: false });
      expect(hedges).toBe(0);
      await hedging.query(text, [], { idempotent: true, hedge: { afterMs: 1 } });
      expect(hedges).toBe(1);
      await runner.close();
    });
  });
});
