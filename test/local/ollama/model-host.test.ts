import { describe, expect, it } from "vitest";
import { readKeepAlive } from "../../../src/local/ollama/keep-alive.ts";
import { type InstalledModel, ModelHost } from "../../../src/local/ollama/model-host.ts";
import { ManualClock } from "../../../src/testing/index.ts";

const model: InstalledModel = {
  name: "standin:latest",
  capability: "completion",
  family: "standin",
  sizeBytes: 1,
  contextLength: 10,
  embeddingLength: 1,
};
const signal = new AbortController().signal;

function setUp(options: { loadDelayMs?: number; numParallel?: number; maxQueue?: number } = {}) {
  const clock = new ManualClock();
  const host = new ModelHost({ models: [model], loadDelayMs: 0, numParallel: 1, maxQueue: 512, clock, ...options });
  return { clock, host };
}

describe("ModelHost", () => {
  it("charges the load to the request that waited for it, and to no later one", async () => {
    const { clock, host } = setUp({ loadDelayMs: 4_000 });
    const first = host.use(model, 60_000, signal);
    expect(host.loaded()).toEqual([]);
    await clock.advance(4_000);
    const lease = await first;
    expect(lease.loadMs).toBe(4_000);
    lease.release();
    expect((await host.use(model, 60_000, signal)).loadMs).toBe(0);
  });

  it("forgets a model when keep_alive has passed since its last use", async () => {
    const { clock, host } = setUp();
    (await host.use(model, 60_000, signal)).release();
    await clock.advance(59_999);
    expect(host.loaded()).toHaveLength(1);
    await clock.advance(1);
    expect(host.loaded()).toEqual([]);
  });

  it("keeps a model in use, whatever its keep_alive", async () => {
    const { clock, host } = setUp();
    const lease = await host.use(model, 0, signal);
    await clock.advance(1_000_000);
    expect(host.loaded()).toHaveLength(1);
    lease.release();
    expect(host.loaded()).toEqual([]);
  });

  it("bounds the queue only while the model loads, as the real server does", async () => {
    const { clock, host } = setUp({ loadDelayMs: 1_000, maxQueue: 2 });
    const admitted = [host.use(model, 60_000, signal), host.use(model, 60_000, signal)];
    await expect(host.use(model, 60_000, signal)).rejects.toMatchObject({
      status: 503,
      message: "server busy, please try again.  maximum pending requests exceeded",
    });
    await clock.advance(1_000);
    const first = await admitted[0]!;
    // Loaded now: ten more wait, far above the bound, and none is refused.
    const waiting = Array.from({ length: 10 }, () => host.use(model, 60_000, signal));
    first.release();
    for (const each of [admitted[1]!, ...waiting]) (await each).release();
  });

  it("passes the slot of a waiter that gave up to the next", async () => {
    const { host } = setUp();
    const holder = await host.use(model, 60_000, signal);
    const impatient = new AbortController();
    const gone = host.use(model, 60_000, impatient.signal);
    const patient = host.use(model, 60_000, signal);
    impatient.abort(new Error("gone"));
    await expect(gone).rejects.toThrow("gone");
    holder.release();
    (await patient).release();
    (await host.use(model, 60_000, signal)).release();
  });
});

describe("readKeepAlive", () => {
  it.each([
    [undefined, 300_000],
    [90, 90_000],
    [0, 0],
    [-1, Infinity],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["250ms", 250],
    ["-1s", Infinity],
    ["0", 0],
  ])("reads %j as %d ms", (value, ms) => {
    expect(readKeepAlive(value)).toBe(ms);
  });

  it.each(["soon", "5", "5 m", "", { a: 1 }])("refuses %j", (value) => {
    expect(() => readKeepAlive(value)).toThrow(/invalid duration/);
  });
});
