import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { type Target, targets } from "./support/targets.ts";

const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
};

describe.each(targets)("stream over %s", (_name, start) => {
  let target: Target;
  let pools: ConnectionPoolManager;
  let neon: NeonClient;

  beforeAll(async () => {
    target = await start();
    pools = new ConnectionPoolManager({ ...target.options, max: 2 });
    neon = new NeonClient({ pools, maxRows: 10 });
    await neon.query("create table numbers (n int primary key)");
    await neon.query("insert into numbers select generate_series(1, 1000)");
  });
  afterAll(async () => {
    await neon.close();
    await pools.close();
    await target.close();
  });

  const allBack = () => until(() => pools.stats().idle === pools.stats().total);

  it("gives every row in order, more than a query may return, a batch per round trip", async () => {
    const seen: number[] = [];
    const above = 10;
    for await (const { n } of neon.stream<{ n: number }>`select n from numbers where n > ${above} order by n`)
      seen.push(n);
    expect(seen).toEqual(Array.from({ length: 990 }, (_, i) => i + 11));
    const events = new EventBus();
    const told: unknown[] = [];
    events.on("query.finished", ({ statement, rows }) => told.push([statement, rows]));
    const telling = new NeonClient({ pools, events });
    for await (const _row of telling.stream("select n from numbers", [], { batchRows: 300, name: "all" }));
    expect(told).toEqual([["all", 1000]]);
    await allBack();
  });

  it("holds no more than a batch, however slow the consumer is", async () => {
    let fetched = 0;
    const stream = neon.stream<{ n: number }>("select n from numbers order by n", [], { batchRows: 100 });
    for await (const { n } of stream) {
      fetched = n;
      if (n === 100) break;
    }
    expect(fetched).toBe(100);
    await allBack();
    const few: number[] = [];
    for await (const { n } of neon.stream<{ n: number }>("select n from numbers order by n limit 3", [], {
      batchRows: 1,
    }))
      few.push(n);
    expect(few).toEqual([1, 2, 3]);
  });

  it("gives the connection back, clean, when the loop is left early or throws", async () => {
    for (let i = 0; i < 5; i += 1) {
      for await (const _row of neon.stream("select n from numbers", [], { batchRows: 7 })) break;
      const failing = async () => {
        for await (const _row of neon.stream("select n from numbers", [], { batchRows: 7 })) throw new Error("mine");
      };
      await expect(failing()).rejects.toThrow("mine");
    }
    await allBack();
    expect(pools.stats().total).toBeLessThanOrEqual(2);
    expect(
      await neon.transaction((tx) => tx.query`select count(*)::int as n from pg_cursors where name <> ''`),
    ).toEqual([{ n: 0 }]);
  });

  it("ends at the caller's abort and at its deadline, wherever the stream is", async () => {
    const caller = new AbortController();
    const consume = async (options: object, each: (n: number) => void = () => undefined) => {
      for await (const { n } of neon.stream<{ n: number }>("select n from numbers order by n", [], {
        batchRows: 10,
        ...options,
      })) {
        each(n);
        if (n === 25) await new Promise((resolve) => setTimeout(resolve, 60));
      }
    };
    const aborted = consume({ signal: caller.signal }, (n) => (n === 15 ? caller.abort() : undefined));
    await expect(aborted).rejects.toMatchObject({ code: "ABORTED" });
    await expect(consume({ deadlineMs: 50 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await expect(consume({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
    await allBack();
  });

  it("changes nothing: a statement that writes is refused", async () => {
    const writing = async () => {
      for await (const _row of neon.stream("insert into numbers values (0) returning n"));
    };
    await expect(writing()).rejects.toMatchObject({ code: "QUERY_FAILED" });
    await neon.query(
      "create function sneaky() returns int language sql as $$ insert into numbers values (-1) returning n $$",
    );
    const sneaking = async () => {
      for await (const _row of neon.stream("select sneaky()"));
    };
    await expect(sneaking()).rejects.toMatchObject({ code: "READ_ONLY", sqlState: "25006" });
    expect(await neon.query`select n from numbers where n < 1`).toEqual([]);
  });

  it("tells of a bad statement, bad parameters and bad options before the first row", async () => {
    const first = (text: string, params: readonly unknown[] = [], options = {}) =>
      neon.stream(text, params, options).next();
    await expect(first("select nothing from numbers")).rejects.toMatchObject({ sqlState: "42703" });
    await expect(first("select n from numbers where n = $1", ["secret"])).rejects.toMatchObject({
      sqlState: "22P02",
      message: expect.not.stringContaining("secret"),
    });
    await expect(first("select 1", [], { batchRows: 0 })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(first("select 1", { batchRows: 5 } as never)).rejects.toMatchObject({
      message: expect.stringContaining("stream's second argument"),
    });
    await allBack();
  });

  it("reads inside a transaction what it wrote, several streams at a time", async () => {
    const sums = await neon.transaction(async (tx) => {
      await tx.query`insert into numbers values (2000)`;
      let [up, down] = [0, 0];
      const falling = tx.stream<{ n: number }>("select n from numbers order by n desc", [], { batchRows: 64 });
      for await (const { n } of tx.stream<{ n: number }>`select n from numbers order by n`) {
        up += n;
        down += (await falling.next()).value?.n ?? 0;
      }
      await falling.return();
      for await (const _row of tx.stream`select n from numbers`) break;
      expect(await tx.query`select name from pg_cursors where name <> ''`).toEqual([]);
      await tx.query`delete from numbers where n = 2000`;
      return [up, down];
    });
    expect(sums).toEqual([502_500, 502_500]);
  });

  it("runs under the pipeline: retried while nothing was delivered, never after", async () => {
    const runner = createPipeline({ services: { neon: { baseDelayMs: 1, maxDelayMs: 2 } } });
    const retrying = new NeonClient({ pools, runner });
    const seen: number[] = [];
    for await (const { n } of retrying.stream<{ n: number }>("select n from numbers order by n limit 20", [], {
      batchRows: 5,
      idleTimeoutMs: 5_000,
    }))
      seen.push(n);
    expect(seen).toHaveLength(20);
    let delivered = 0;
    const breaking = async () => {
      const text = "select n / (50 - n) as q from numbers order by n";
      for await (const _row of retrying.stream(text, [], { batchRows: 10 })) delivered += 1;
    };
    await expect(breaking()).rejects.toMatchObject({ sqlState: "22012", attempts: 1 });
    expect(delivered).toBe(40);
    await runner.close();
  });
});
