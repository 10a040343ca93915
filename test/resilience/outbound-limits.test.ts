import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import { OutboundLimits } from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../src/testing/index.ts";
import { rejection, thrownBy } from "./helpers.ts";

const headers = (values: Record<string, string>) => new Headers(values);
const tooMany = (values: Record<string, string> = {}) => ({ status: 429, headers: headers(values) });
const fine = (values: Record<string, string> = {}) => ({ status: 200, headers: headers(values) });

function learning() {
  const clock = new ManualClock();
  const events = new EventBus();
  return { clock, recorder: new EventRecorder(events), outbound: new OutboundLimits({ clock, events }) };
}

/** How many requests may leave now. */
function leaving(outbound: OutboundLimits, most = 1_000): number {
  let count = 0;
  while (count < most && outbound.check("maps").allowed) count += 1;
  return count;
}

describe("OutboundLimits", () => {
  it("holds nothing back from a service that never limited us", () => {
    const { outbound } = learning();
    outbound.observe("maps", fine());
    expect(leaving(outbound)).toBe(1_000);
  });

  it("lets no request leave before Retry-After is over", async () => {
    const { outbound, clock } = learning();
    outbound.observe("maps", tooMany({ "Retry-After": "5" }));
    expect(outbound.check("maps")).toEqual({ allowed: false, retryAfterMs: 5_000, reason: "retry-after" });
    expect(outbound.check("other").allowed).toBe(true);
    await clock.advance(4_999);
    expect(outbound.check("maps").allowed).toBe(false);
    await clock.advance(1);
    expect(outbound.check("maps").allowed).toBe(true);
    expect(outbound.check("maps")).toMatchObject({ allowed: false, reason: "pace" }); // and not all of them at once
  });

  it("lets one request leave as soon as Retry-After is over, however seldom the service was asked", async () => {
    const { outbound, clock } = learning();
    outbound.observe("maps", tooMany({ "Retry-After": "1" }));
    await clock.advance(999);
    outbound.observe("maps", { ...fine(), sentAt: -1 }); // late news
    expect(outbound.check("maps")).toMatchObject({ allowed: false, retryAfterMs: 1 });
    await clock.advance(1);
    expect(outbound.check("maps").allowed).toBe(true);
    expect(outbound.check("maps")).toMatchObject({ allowed: false, reason: "pace" });
  });

  it("is back to speed soon after two refusals in a row, when nothing is known of the pace yet", async () => {
    const { outbound, clock } = learning();
    outbound.observe("maps", fine());
    const secondsAt: number[] = [];
    for (let request = 0; request < 10; request += 1) {
      while (!outbound.check("maps").allowed) await clock.advance(10);
      const sentAt = clock.now();
      await clock.advance(20);
      outbound.observe("maps", request < 2 ? { ...tooMany(), sentAt } : { ...fine(), sentAt });
      secondsAt.push(clock.now() / 1_000);
    }
    expect(secondsAt.at(-1)).toBeLessThan(5);
  });

  it("takes a 503 with a hint for a limit, and one without for a failure", () => {
    const { outbound } = learning();
    outbound.observe("maps", { status: 503 });
    expect(outbound.check("maps").allowed).toBe(true);
    outbound.observe("maps", { status: 503, retryAfterMs: 100 });
    expect(outbound.check("maps").retryAfterMs).toBe(100);
  });

  it("never shortens a pause, and bounds it", async () => {
    const { outbound } = learning();
    outbound.observe("maps", tooMany({ "Retry-After": "60" }));
    outbound.observe("maps", tooMany({ "Retry-After": "1" }));
    expect(outbound.check("maps").retryAfterMs).toBe(60_000);
    outbound.observe("maps", tooMany({ "Retry-After": "9999999999" }));
    expect(outbound.check("maps").retryAfterMs).toBe(3_600_000);
    for (const retryAfterMs of [NaN, -1, Infinity]) outbound.observe("maps", { status: 429, retryAfterMs });
    expect(outbound.check("maps").retryAfterMs).toBe(3_600_000);
  });

  it("learns a quota, spends it, and starts anew with the window", async () => {
    const { outbound, clock } = learning();
    outbound.observe("maps", fine({ "RateLimit-Policy": '"api";q=10;w=60', RateLimit: '"api";r=4;t=30' }));
    expect(leaving(outbound)).toBe(4);
    expect(outbound.check("maps")).toEqual({ allowed: false, retryAfterMs: 30_000, reason: "quota" });
    await clock.advance(30_000);
    expect(leaving(outbound)).toBe(10);
    await clock.advance(60_000);
    expect(leaving(outbound)).toBe(10);
  });

  it("counts requests on their way, and believes the service where others spend the same quota", async () => {
    const { outbound, clock } = learning();
    const told = (remaining: number) => fine({ RateLimit: `"api";r=${remaining};t=30` });
    outbound.observe("maps", told(10));
    expect(leaving(outbound, 6)).toBe(6); // four left here; the answers still speak of more
    outbound.observe("maps", told(9));
    expect(leaving(outbound)).toBe(4);
    await clock.advance(31_000);
    outbound.observe("maps", told(10));
    outbound.observe("maps", told(2)); // others were here
    expect(leaving(outbound)).toBe(2);
  });

  it("keeps to the earliest end of a window: answers round it up, later ones to a later moment", async () => {
    const { outbound, clock } = learning();
    for (const remaining of [9, 8, 7]) {
      outbound.observe("maps", fine({ "RateLimit-Policy": '"api";q=10;w=1', RateLimit: `"api";r=${remaining};t=1` }));
      await clock.advance(200);
    }
    expect(leaving(outbound)).toBe(7);
    expect(outbound.check("maps")).toEqual({ allowed: false, retryAfterMs: 400, reason: "quota" });
    await clock.advance(900); // half a second into the next window: it ends when it would have anyway
    expect(leaving(outbound)).toBe(10);
    expect(outbound.check("maps").retryAfterMs).toBe(500);
  });

  it("blames a lowered quota for the refusals of what left before it was told, and needs no pace", () => {
    const { outbound } = learning();
    const told = (limit: number, remaining: number) => ({
      "RateLimit-Policy": `"api";q=${limit};w=1`,
      RateLimit: `"api";r=${remaining};t=1`,
    });
    outbound.observe("maps", fine(told(100, 90)));
    for (let request = 0; request < 5; request += 1) outbound.observe("maps", { ...tooMany(told(10, 0)), sentAt: 0 });
    expect(outbound.describe("maps")).toMatchObject({ pace: undefined, quotas: [{ limit: 10, remaining: 0 }] });
  });

  it("raises a quota when the service does", async () => {
    const { outbound, clock } = learning();
    outbound.observe("maps", fine({ "RateLimit-Policy": '"api";q=2;w=10', RateLimit: '"api";r=0;t=10' }));
    await clock.advance(10_000);
    outbound.observe("maps", fine({ "RateLimit-Policy": '"api";q=50;w=10', RateLimit: '"api";r=49;t=10' }));
    expect(leaving(outbound)).toBeGreaterThanOrEqual(49 - 2);
    await clock.advance(10_000);
    expect(leaving(outbound)).toBe(50);
  });

  it("forgets a quota whose window it does not know once that is over", async () => {
    const { outbound, clock } = learning();
    outbound.observe("maps", fine({ "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "10" }));
    expect(outbound.check("maps")).toMatchObject({ allowed: false, retryAfterMs: 10_000 });
    await clock.advance(10_000);
    expect(leaving(outbound)).toBe(1_000);
  });

  it("finds the pace by itself where the service only says too many, and follows it up and down", async () => {
    const { outbound, clock, recorder } = learning();
    const seconds = 90;
    const ratePerSecond = (second: number) => (second < 30 ? 100 : second < 60 ? 10 : 50);
    let [tokens, good, refused] = [0, 0, 0];
    const delivered: number[] = [];
    const inFlight: { due: number; sentAt: number; status: number }[] = [];
    for (let ms = 0; ms < seconds * 1_000; ms += 5) {
      tokens = Math.min(5, tokens + (ratePerSecond(ms / 1_000) * 5) / 1_000);
      while ((inFlight[0]?.due ?? Infinity) <= ms) outbound.observe("maps", inFlight.shift()!);
      while (inFlight.length < 64 && outbound.check("maps").allowed) {
        const admitted = tokens >= 1;
        if (admitted) tokens -= 1;
        if (admitted) good += 1;
        else refused += 1;
        inFlight.push({ due: ms + 30, sentAt: ms, status: admitted ? 200 : 429 });
      }
      if (ms % 1_000 === 995) {
        delivered.push(good);
        good = 0;
      }
      await clock.advance(5);
    }
    const average = (from: number, to: number) =>
      delivered.slice(from, to).reduce((sum, count) => sum + count, 0) / (to - from);
    expect(average(10, 30)).toBeGreaterThan(85);
    expect(average(40, 60)).toBeGreaterThan(7.5);
    expect(average(70, 90)).toBeGreaterThan(42);
    expect(refused / delivered.reduce((sum, count) => sum + count, 0)).toBeLessThan(0.08);
    expect(recorder.of("limit.learned")[0]).toMatchObject({ service: "maps", pauseMs: 0 });
  });

  it("forgets the pace after a minute without a refusal", async () => {
    const { outbound, clock } = learning();
    outbound.observe("maps", tooMany());
    expect(leaving(outbound)).toBe(0);
    await clock.advance(60_000);
    outbound.observe("maps", fine());
    expect(leaving(outbound)).toBe(1_000);
  });

  it("slows down once for all refusals of requests that left before it did", async () => {
    const { outbound, clock } = learning();
    for (let answer = 0; answer < 100; answer += 1) outbound.observe("maps", fine());
    await clock.advance(500);
    outbound.observe("maps", { ...tooMany(), sentAt: 400 });
    const once = outbound.describe("maps")?.pace?.perSecond;
    for (let answer = 0; answer < 20; answer += 1) outbound.observe("maps", { ...tooMany(), sentAt: 450 });
    expect(outbound.describe("maps")?.pace?.perSecond).toBe(once);
    await clock.advance(100);
    outbound.observe("maps", { ...tooMany(), sentAt: 550 });
    expect(outbound.describe("maps")?.pace?.perSecond).toBeLessThan(once ?? 0);
  });

  it("keeps its promises whatever a service says: waits are finite, and end", async () => {
    const status = fc.constantFrom(200, 429, 503, 500);
    const value = fc.constantFrom("0", "-5", "abc", "9999999999", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT", "3", "");
    const answer = fc.record({ status, retry: value, remaining: value, reset: value, gapMs: fc.nat(5_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { maxLength: 30 }), async (answers) => {
        const { outbound, clock } = learning();
        for (const { status, retry, remaining, reset, gapMs } of answers) {
          const told = { "Retry-After": retry, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset };
          outbound.observe("maps", { status, headers: headers(told) });
          await clock.advance(gapMs);
          const { allowed, retryAfterMs } = outbound.check("maps");
          expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
          expect(retryAfterMs > 0).toBe(!allowed);
        }
        await clock.advance(3_600_000);
        expect(outbound.check("maps").allowed).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it("lets callers wait, no longer than they want, and until they go", async () => {
    const { outbound, clock } = learning();
    outbound.observe("maps", tooMany({ RateLimit: '"api";r=0;t=10' }));
    const patient = outbound.acquire("maps");
    expect(await rejection(outbound.acquire("maps", { maxWaitMs: 9_000 }))).toMatchObject({
      ...{ code: "RATE_LIMITED", retryAfterMs: 10_000, service: "maps", notSent: true },
    });
    const gone = new AbortController();
    const leaving = outbound.acquire("maps", { signal: gone.signal });
    gone.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    await clock.advance(10_000);
    await patient;
    expect(clock.pendingTimers).toBe(0);
  });

  it("refuses options out of range", () => {
    expect(thrownBy(() => new OutboundLimits({ maxPauseMs: 0 })).message).toContain("maxPauseMs");
  });
});

describe("a guarded fetch", () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  it("sends nothing before the pause is over, counted at the server", async () => {
    let requests = 0;
    server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(requests === 1 ? 429 : 200, requests === 1 ? { "Retry-After": "20" } : {}).end();
    });
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { outbound, clock } = learning();
    const guarded = outbound.guard("maps", fetch);
    expect((await guarded(url)).status).toBe(429);
    for (let call = 0; call < 10; call += 1)
      expect((await rejection(guarded(url))).message).toContain("maps takes no more requests now (retry-after)");
    expect(requests).toBe(1);
    await clock.advance(22_000);
    expect((await guarded(url)).status).toBe(200);
    expect(requests).toBe(2);
  });
});
