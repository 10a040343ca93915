import { describe, expect, it } from "vitest";
import { type CallSpec, EventBus } from "../../src/core/index.ts";
import {
  createPipeline,
  OutboundLimits,
  type PipelineOptions,
  type ServicePolicy,
} from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../src/testing/index.ts";
import { rejection, reset, thrownBy } from "./helpers.ts";

const spec = (part?: string, more: Partial<CallSpec> = {}): CallSpec => ({
  ...{ service: "shop", operation: "get", idempotent: true, maxAttempts: 1 },
  ...(part !== undefined && { part }),
  ...more,
});
const quick = { minimumCalls: 3, breakMs: 1_000 };
const fails = () => Promise.reject(reset());
const works = async () => "done";

function setUp(policy: ServicePolicy = { breaker: quick }, options: PipelineOptions = {}) {
  const clock = new ManualClock();
  const events = new EventBus();
  const pipeline = createPipeline({ clock, events, services: { shop: policy }, ...options });
  const trip = async (part?: string) => {
    for (let call = 0; call < 3; call += 1) await rejection(pipeline.run(spec(part), fails));
  };
  const codeOf = (part?: string) =>
    pipeline.run(spec(part), works).catch((error: unknown) => (error as { code: string }).code);
  return { clock, pipeline, recorder: new EventRecorder(events), trip, codeOf };
}

describe("parts of a service", () => {
  it("have a circuit each: the outage of one refuses no other's calls, nor those that name none", async () => {
    const { pipeline, recorder, trip, codeOf } = setUp();
    await trip("stock");
    expect([await codeOf("stock"), await codeOf("prices"), await codeOf()]).toEqual(["CIRCUIT_OPEN", "done", "done"]);
    const error = await rejection(pipeline.run(spec("stock"), works));
    expect(error).toMatchObject({ service: "shop", operation: "get", message: /^shop\.stock: the circuit is open/ });
    expect(recorder.of("circuit.opened")).toMatchObject([{ service: "shop", part: "stock" }]);
    expect(pipeline.breakers().map(({ service, part, state }) => [service, part, state])).toEqual([
      ["shop", undefined, "closed"],
      ["shop", "stock", "open"],
      ["shop", "prices", "closed"],
    ]);
  });

  it("are not refused because the calls that name none fail", async () => {
    const { trip, codeOf } = setUp();
    await trip();
    expect([await codeOf(), await codeOf("stock")]).toEqual(["CIRCUIT_OPEN", "done"]);
  });

  it("come back each by its own probes, and are restored each from its own snapshot", async () => {
    const { clock, pipeline, trip, codeOf } = setUp({ breaker: { ...quick, halfOpenPermits: 1 } });
    await trip("stock");
    const [, stock] = pipeline.breakers();
    const next = setUp();
    next.pipeline.breaker(stock!.service, stock!.part)?.restore(stock!);
    expect([await next.codeOf("stock"), await next.codeOf("prices")]).toEqual(["CIRCUIT_OPEN", "done"]);
    await clock.advance(1_000);
    expect(await codeOf("stock")).toBe("done");
    expect(pipeline.breaker("shop", "stock")?.state).toBe("closed");
  });

  it("have a retry budget each", async () => {
    const { clock, pipeline } = setUp({ breaker: false, budget: { capacity: 1 } });
    const again = async (part: string) => {
      const failed = rejection(pipeline.run(spec(part, { maxAttempts: 5 }), fails));
      await clock.advance(20_000);
      return failed;
    };
    expect([(await again("stock")).attempts, (await again("prices")).attempts]).toEqual([2, 2]);
    expect([
      pipeline.budget("shop", "stock"),
      pipeline.budget("shop", "prices"),
      pipeline.budget("shop"),
    ]).toMatchObject([{ available: 0 }, { available: 0 }, { available: 1 }]);
  });

  it("have a bulkhead each, that of one may be another, and they are told apart", async () => {
    const { pipeline } = setUp({ concurrency: 1, parts: { prices: { concurrency: 2 } } });
    let answer = (_value: string) => {};
    const held = new Promise<string>((resolve) => (answer = resolve));
    const calls = ["stock", "stock", "prices", "prices"].map((part) => pipeline.run(spec(part), () => held));
    expect([pipeline.concurrency("shop", "stock"), pipeline.concurrency("shop", "prices")]).toEqual([
      { inFlight: 1, waiting: 1, max: 1 },
      { inFlight: 2, waiting: 0, max: 2 },
    ]);
    expect(await pipeline.run(spec("returns"), works)).toBe("done");
    answer("done");
    await Promise.all(calls);
  });

  it("take from the service's policy what their own does not say", async () => {
    const { clock, pipeline } = setUp({
      ...{ maxAttempts: 7, breaker: quick },
      parts: { stock: { maxAttempts: 2 }, prices: { breaker: false } },
    });
    expect(pipeline.describe().services["shop"]).toMatchObject({
      maxAttempts: 7,
      parts: {
        stock: { maxAttempts: 2, breaker: { minimumCalls: 3 } },
        prices: { maxAttempts: 7, breaker: false },
      },
    });
    expect(pipeline.describe().settings["circuit breaker"]).toMatchObject({ "shop.stock": { minimumCalls: 3 } });
    const { maxAttempts: _, ...open } = spec("stock");
    const failed = rejection(pipeline.run(open, fails));
    await clock.advance(20_000);
    expect((await failed).attempts).toBe(2);
    expect(pipeline.breaker("shop", "prices")).toBeUndefined();
    const bad = () => createPipeline({ services: { shop: { parts: { stock: { maxAttempts: 0 } } } } });
    expect(thrownBy(bad).message).toContain("services.shop.parts.stock.maxAttempts");
    const badBreaker = () => createPipeline({ services: { shop: { parts: { stock: { breaker: { breakMs: 0 } } } } } });
    expect(thrownBy(badBreaker).message).toContain("services.shop.parts.stock.breaker");
  });

  it("are all isolated with their service, those that come later too, and keep what they counted", async () => {
    const { pipeline, trip, codeOf } = setUp();
    await trip("stock");
    pipeline.breaker("shop")?.isolate();
    const error = await rejection(pipeline.run(spec("prices"), works));
    expect(error).toMatchObject({ code: "CIRCUIT_OPEN", message: /^shop: the circuit is isolated/, attempts: 0 });
    expect([await codeOf("new"), await codeOf()]).toEqual(["CIRCUIT_OPEN", "CIRCUIT_OPEN"]);
    pipeline.breaker("shop")?.close();
    expect([await codeOf("stock"), await codeOf("prices"), await codeOf("new")]).toEqual([
      "CIRCUIT_OPEN",
      "done",
      "done",
    ]);
  });

  it("are read-only with their service, those that come later too", async () => {
    const { pipeline } = setUp();
    await pipeline.run(spec("stock"), works);
    const put = (part: string) => pipeline.run(spec(part, { idempotent: false }), works);
    pipeline.setMode("shop", "read-only", "moving house");
    expect([(await rejection(put("stock"))).code, (await rejection(put("new"))).code]).toEqual([
      "READ_ONLY",
      "READ_ONLY",
    ]);
    expect(pipeline.describe().settings["degradation"]).toMatchObject({ readOnly: { shop: "moving house" } });
    pipeline.setMode("shop", "read-write", "done");
    expect([await put("stock"), await put("new")]).toEqual(["done", "done"]);
  });

  it("draw on their service's limit where they name no quota", async () => {
    const clock = new ManualClock();
    const outbound = new OutboundLimits({ clock });
    const { pipeline } = setUp({ maxHintMs: 0 }, { clock, outbound });
    outbound.observe("shop", { status: 429, retryAfterMs: 5_000 });
    expect((await rejection(pipeline.run(spec("stock"), works))).code).toBe("RATE_LIMITED");
  });
});
