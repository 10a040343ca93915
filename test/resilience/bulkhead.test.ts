import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { type Priority } from "../../src/core/index.ts";
import { createPipeline, type ConcurrencyOptions } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { rejection, thrownBy, write } from "./helpers.ts";

function setUp(concurrency: ConcurrencyOptions) {
  const clock = new ManualClock();
  const pipeline = createPipeline({ clock, services: { maps: { concurrency } } });
  const order: string[] = [];
  /** Holds a permit for `ms`. */
  const take = (name: string, place: { priority?: Priority; tenant?: string; signal?: AbortSignal } = {}, ms = 10) =>
    pipeline.run({ ...write, ...place }, async () => {
      order.push(name);
      await new Promise<void>((resolve) => clock.setTimer(resolve, ms));
    });
  return { clock, pipeline, take, order };
}

describe("a line for permits", () => {
  it("lets tenants take turns", async () => {
    const { clock, take, order } = setUp({ max: 1 });
    void take("first");
    for (const name of ["a1", "a2", "a3", "b1", "b2"]) void take(name, { tenant: name.charAt(0) });
    await clock.advance(100);
    expect(order).toEqual(["first", "a1", "b1", "a2", "b2", "a3"]);
  });

  it("has an end to patience, with or without a signal", async () => {
    const { clock, take, pipeline } = setUp({ max: 1, maxWaitMs: 50 });
    const holder = take("holder", {}, 200);
    const controller = new AbortController();
    const outcomes = [rejection(take("x", { signal: controller.signal })), rejection(take("y"))];
    await clock.advance(50);
    for (const outcome of outcomes) expect((await outcome).code).toBe("QUEUE_FULL");
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    await clock.advance(150);
    await holder;
    expect(pipeline.concurrency("maps")).toEqual({ inFlight: 0, waiting: 0, max: 1 });
  });

  it("drops the oldest for a newcomer where it is told to", async () => {
    const { clock, take, order } = setUp({ max: 1, queue: 2, drop: "drop-oldest" });
    void take("holder");
    const oldest = rejection(take("oldest"));
    void take("second");
    void take("newcomer");
    expect((await oldest).message).toContain("dropped for a newcomer");
    await clock.advance(100);
    expect(order).toEqual(["holder", "second", "newcomer"]);
  });

  it("drops only lower priority for a newcomer where it is told to", async () => {
    const { clock, take, order } = setUp({ max: 1, queue: 1, drop: "drop-lowest-priority" });
    void take("holder");
    const low = rejection(take("low", { priority: "low" }));
    void take("normal");
    expect((await low).code).toBe("QUEUE_FULL");
    expect((await rejection(take("normal too"))).code).toBe("QUEUE_FULL");
    await clock.advance(100);
    expect(order).toEqual(["holder", "normal"]);
  });

  it("starves nobody, while high goes first", async () => {
    const { clock, take, order } = setUp({ max: 1 });
    void take("holder");
    void take("low", { priority: "low" });
    for (let index = 0; index < 30; index += 1) void take(`high ${index}`, { priority: "high" });
    await clock.advance(1_000);
    expect(order.indexOf("low")).toBe(17);
  });
});

describe("shares of permits", () => {
  it("keep room for others, always leave one, and pass a freed permit to whoever may have it", async () => {
    const { clock, take, order, pipeline } = setUp({ max: 4, shares: { low: 0.5, normal: 0.1 } });
    for (let index = 0; index < 4; index += 1) void take(`low ${index}`, { priority: "low" });
    for (let index = 0; index < 2; index += 1) void take(`normal ${index}`);
    await clock.advance(0);
    expect(order).toEqual(["low 0", "low 1", "normal 0"]);
    void take("high", { priority: "high" });
    await clock.advance(0);
    expect(order.at(-1)).toBe("high");
    await clock.advance(10);
    expect(order.slice(4).sort()).toEqual(["low 2", "low 3", "normal 1"]);
    await clock.advance(10);
    expect(pipeline.concurrency("maps")).toMatchObject({ inFlight: 0, waiting: 0 });
  });
});

it("bad concurrency options are named at construction, all at once", () => {
  const concurrency = {
    max: Infinity,
    adaptive: "vegas" as never,
    min: 0,
    maxWaitMs: 0,
    drop: "nobody" as never,
    shares: { low: 2 },
  };
  const { message } = thrownBy(() => createPipeline({ services: { maps: { concurrency } } }));
  for (const name of ["max", "adaptive", "min", "maxWaitMs", "drop", "shares.low"])
    expect(message).toContain(`services.maps.concurrency.${name}`);
});
