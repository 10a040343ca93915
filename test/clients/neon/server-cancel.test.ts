import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { postgresOverNeon, postgresOverTcp, type Target } from "./support/targets.ts";

/** What nobody waits for must not go on running, ms. Some 20 where the machine has nothing else to do; the statements would take 60,000. */
const GONE_WITHIN_MS = 5_000;

describe.each([
  ["TCP", postgresOverTcp],
  ["HTTP and WebSockets", postgresOverNeon],
] as const)("over %s", (_transport, start) => {
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
    const startedAt = performance.now();
    while ((await running(mark)) !== count);
    return performance.now() - startedAt;
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
          await neon.query(`create table slow_${mark} (id int check (pg_sleep(60) is not null))`);
          await neon.bulkInsert(`slow_${mark}`, [{ id: 1 }], { signal });
        },
      ],
    ];
    it.each(given)("is cancelled on the server: %s", async (name, run) => {
      const mark = name.replaceAll(" ", "_");
      const caller = new AbortController();
      const attempt = run(mark, caller.signal);
      const outcome = expect(attempt).rejects.toMatchObject({ code: "ABORTED" });
      await until(mark, 1);
      caller.abort();
      await outcome;
      expect(await until(mark, 0)).toBeLessThan(GONE_WITHIN_MS);
      expect(await neon.query`select 1 as one`).toEqual([{ one: 1 }]);
    });

    it("is cancelled on the server: a stream between two batches of a slow statement", async () => {
      const caller = new AbortController();
      const consume = async () => {
        const text = "select pg_sleep(case when n < 5 then 0 else 60 end) /* streaming */ from generate_series(1, 9) n";
        for await (const _row of neon.stream(text, [], { batchRows: 2, signal: caller.signal }));
      };
      const outcome = expect(consume()).rejects.toMatchObject({ code: "ABORTED" });
      // The cursor's text is not what is shown while it is fetched from.
      await until("fetch forward 2", 1);
      caller.abort();
      await outcome;
      expect(await until("fetch forward 2", 0)).toBeLessThan(GONE_WITHIN_MS);
    });

    it("is cancelled on the server: what outlasts its own time", async () => {
      const impatient = new NeonClient({ ...target.options, queryTimeoutMs: 100 });
      await expect(impatient.query("select pg_sleep(60) /* outlasting */")).rejects.toThrow(/timeout/);
      expect(await until("outlasting", 0)).toBeLessThan(GONE_WITHIN_MS);
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
      expect(await until("hedged", 0)).toBeLessThan(GONE_WITHIN_MS);
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
