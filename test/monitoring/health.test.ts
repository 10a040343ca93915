import { describe, expect, it } from "vitest";
import { EventBus, IntegrationError } from "../../src/core/index.ts";
import { feedFromCalls, HealthRegistry } from "../../src/monitoring/index.ts";
import { ManualClock, seededRandom } from "../../src/testing/index.ts";

function healthSystem() {
  const clock = new ManualClock();
  return { clock, health: new HealthRegistry({ clock, random: seededRandom(1) }) };
}

const call = { callId: "1", service: "neon", operation: "query", attempts: 2, durationMs: 1, waitedMs: 0 } as const;

describe("a health report", () => {
  it("is up when all is up, and plain JSON", async () => {
    const { clock, health } = healthSystem();
    health.add("neon", { run: async () => undefined });
    await clock.advance(1_500);
    const report = await health.report();
    expect(report).toEqual({
      status: "up",
      checks: { neon: { status: "up", critical: true, durationMs: 0, checkedAt: "2026-01-01T00:00:01.500Z" } },
    });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(await new HealthRegistry().report()).toEqual({ status: "up", checks: {} });
  });

  it.each([
    ["down", true, "down"],
    ["degraded", true, "degraded"],
    ["down", false, "degraded"],
    ["degraded", false, "degraded"],
    ["up", false, "up"],
  ] as const)("a check that is %s (critical: %s) makes it %s", async (status, critical, overall) => {
    const { health } = healthSystem();
    health.add("other", { run: () => undefined });
    health.add("it", { critical, run: () => ({ status, message: "m", reason: "r" }) });
    const report = await health.report();
    expect(report.status).toBe(overall);
    expect(report.checks["it"]).toMatchObject({ status, critical, message: "m", reason: "r" });
  });

  it("says why a check failed, with the error's code and without its secrets", async () => {
    const { health } = healthSystem();
    health.add("neon", {
      run: () => {
        throw new IntegrationError({ code: "NETWORK", message: "cannot reach postgres://app:hunter22@db.neon.tech/x" });
      },
    });
    health.add("odd", { run: async () => Promise.reject("just text") });
    const { checks } = await health.report();
    expect(checks["neon"]).toMatchObject({ status: "down", reason: "NETWORK" });
    expect(checks["neon"]?.message).toBe("cannot reach postgres://[redacted]@db.neon.tech/x");
    expect(checks["odd"]).toMatchObject({ status: "down", reason: "CHECK_FAILED", message: "just text" });
  });

  it("gives each check its own deadline, all at the same time", async () => {
    const { clock, health } = healthSystem();
    const aborted: string[] = [];
    for (let i = 0; i < 10; i += 1)
      health.add(`slow-${i}`, {
        timeoutMs: 2_000,
        run: (signal) =>
          new Promise((_, reject) =>
            signal.addEventListener("abort", () => {
              aborted.push(`slow-${i}`);
              reject(new Error("stopped"));
            }),
          ),
      });
    health.add("fast", { run: () => undefined });
    const report = health.report();
    await clock.advance(2_000);
    const { status, checks } = await report;
    expect(status).toBe("down");
    expect(checks["slow-9"]).toMatchObject({ status: "down", reason: "ATTEMPT_TIMEOUT", durationMs: 2_000 });
    expect(checks["slow-9"]?.message).toBe("the check slow-9 did not answer within 2000 ms");
    expect(checks["fast"]?.status).toBe("up");
    expect(aborted).toHaveLength(10);
    expect(clock.pendingTimers).toBe(0);
  });

  it("runs a check once for all who ask at the same time, and serves it again while it is fresh", async () => {
    const { clock, health } = healthSystem();
    let runs = 0;
    let finish = () => {};
    health.add("neon", {
      cacheMs: 5_000,
      run: () => {
        runs += 1;
        return new Promise<void>((resolve) => (finish = resolve));
      },
    });
    const reports = [health.report(), health.report(), health.ready()];
    finish();
    await Promise.all(reports);
    await clock.advance(4_999);
    const cached = await health.report();
    expect(runs).toBe(1);
    expect(cached.checks["neon"]?.checkedAt).toBe("2026-01-01T00:00:00.000Z");
    await clock.advance(1);
    const renewed = health.report();
    finish();
    await renewed;
    expect(runs).toBe(2);
  });

  it("does not pile up runs of a check that ignores its signal, and recovers when it returns", async () => {
    const { clock, health } = healthSystem();
    let runs = 0;
    let finish = () => {};
    health.add("stuck", {
      timeoutMs: 1_000,
      cacheMs: 0,
      run: () => {
        runs += 1;
        return runs === 1 ? new Promise<void>((resolve) => (finish = resolve)) : undefined;
      },
    });
    const first = health.report();
    await clock.advance(1_000);
    expect((await first).status).toBe("down");
    expect((await health.report()).checks["stuck"]?.message).toMatch(/has not returned since/);
    expect(runs).toBe(1);
    finish();
    await clock.advance(0);
    expect((await health.report()).status).toBe("up");
    expect(runs).toBe(2);
  });

  it("refuses options out of range and a name that is taken, and forgets a removed check", async () => {
    const { health } = healthSystem();
    expect(() => health.add("x", { timeoutMs: 0, cacheMs: -1, run: () => undefined })).toThrow(
      /Health check x: timeoutMs must be a number from 1 to 300000, got 0; cacheMs .* got -1/,
    );
    expect(() => health.addPassive("x", { failuresUntilDown: 0 })).toThrow(/failuresUntilDown must be a whole number/);
    const remove = health.add("x", { run: () => undefined });
    expect(() => health.addPassive("x")).toThrow(/already a health check named x/);
    remove();
    expect((await health.report()).checks).toEqual({});
  });
});

describe("liveness and readiness", () => {
  it("live touches no dependency", () => {
    const { health } = healthSystem();
    let runs = 0;
    health.add("neon", { run: () => void (runs += 1) });
    expect(health.live()).toEqual({ status: "up" });
    expect(runs).toBe(0);
  });

  it("ready asks the critical checks alone", async () => {
    const { health } = healthSystem();
    let status: "up" | "degraded" | "down" = "degraded";
    health.add("neon", { cacheMs: 0, run: () => ({ status }) });
    health.add("search", { critical: false, run: () => ({ status: "down" }) });
    expect(await health.ready()).toMatchObject({ ready: true, status: "degraded" });
    expect(Object.keys((await health.ready()).checks)).toEqual(["neon"]);
    status = "down";
    expect(await health.ready()).toMatchObject({ ready: false, status: "down", reason: "down: neon" });
  });

  it("is unready on demand, without asking anybody", async () => {
    const { health } = healthSystem();
    let runs = 0;
    health.add("neon", { run: () => void (runs += 1) });
    health.markUnready("draining");
    expect(await health.ready()).toEqual({ ready: false, status: "down", reason: "draining", checks: {} });
    expect(runs).toBe(0);
    health.markReady();
    expect((await health.ready()).ready).toBe(true);
  });
});

describe("passive checks", () => {
  it("follow real traffic: degraded at a failure, down at the third in a row, up at a success", async () => {
    const { health } = healthSystem();
    const events = new EventBus();
    const release = feedFromCalls(events, "neon", health.addPassive("neon"));
    const status = async () => (await health.report()).checks["neon"];
    expect(await status()).toMatchObject({ status: "up", reason: "no traffic yet" });
    const failed = { ...call, outcome: "error", code: "NETWORK" } as const;
    events.emit("call.finished", failed);
    expect(await status()).toMatchObject({ status: "degraded", reason: "NETWORK" });
    events.emit("call.finished", failed);
    events.emit("call.finished", { ...failed, service: "ollama" });
    expect((await status())?.status).toBe("degraded");
    events.emit("call.finished", failed);
    expect(await status()).toMatchObject({ status: "down", message: "neon.query failed after 2 attempt(s): NETWORK" });
    events.emit("call.finished", { ...call, outcome: "error", code: "INVALID_INPUT" });
    expect(await status()).toMatchObject({ status: "up" });
    release();
    for (let i = 0; i < 3; i += 1) events.emit("call.finished", failed);
    expect((await status())?.status).toBe("up");
  });

  it("a failure that no traffic followed goes stale, so that an unready instance gets traffic again", async () => {
    const { clock, health } = healthSystem();
    const check = health.addPassive("neon", { failuresUntilDown: 1, staleMs: 30_000 });
    check.failed(new Error("connection refused"));
    expect((await health.ready()).ready).toBe(false);
    await clock.advance(30_000);
    expect(await health.ready()).toMatchObject({
      ready: true,
      checks: {
        neon: { status: "up", reason: "no recent traffic", message: "the last call failed: connection refused" },
      },
    });
    check.succeeded();
    expect((await health.report()).checks["neon"]).not.toHaveProperty("reason");
  });
});

describe("background checks", () => {
  it("run anew at each interval, jittered, and never two rounds at once", async () => {
    const { clock, health } = healthSystem();
    const startedAt: number[] = [];
    let running = 0;
    let most = 0;
    health.add("neon", {
      timeoutMs: 60_000,
      cacheMs: 600_000,
      run: async () => {
        startedAt.push(clock.now());
        most = Math.max(most, (running += 1));
        await new Promise<void>((resolve) => clock.setTimer(resolve, 25_000));
        running -= 1;
      },
    });
    health.start(10_000);
    await clock.advance(200_000);
    expect(most).toBe(1);
    expect(startedAt.length).toBeGreaterThanOrEqual(5);
    expect(startedAt[0]).toBeLessThan(10_000);
    const gaps = startedAt.slice(1).map((at, i) => at - (startedAt[i] as number) - 25_000);
    expect(gaps.every((gap) => gap >= 9_000 && gap <= 11_000)).toBe(true);
    expect(new Set(gaps).size).toBe(gaps.length);
  });

  it("stops for good, also while a round is under way, and leaves no timer", async () => {
    const { clock, health } = healthSystem();
    let runs = 0;
    let finish = () => {};
    health.add("neon", {
      run: () => {
        runs += 1;
        return new Promise<void>((resolve) => (finish = resolve));
      },
    });
    health.start(1_000);
    await clock.advance(1_000);
    expect(runs).toBe(1);
    health.stop();
    finish();
    await clock.advance(60_000);
    expect(runs).toBe(1);
    expect(clock.pendingTimers).toBe(0);
    health.start(1_000);
    await clock.advance(1_000);
    expect(runs).toBe(2);
    health.stop();
  });

  it("holds no process: its timers and deadlines let it exit", async () => {
    const clock = new ManualClock();
    const kept: (boolean | undefined)[] = [];
    const spying = {
      now: () => clock.now(),
      wallNow: () => clock.wallNow(),
      setTimer: (fn: () => void, ms: number, options?: { keepAlive?: boolean }) => {
        kept.push(options?.keepAlive);
        return clock.setTimer(fn, ms);
      },
    };
    const health = new HealthRegistry({ clock: spying });
    health.add("neon", { run: () => undefined });
    health.start(1_000);
    await clock.advance(3_000);
    health.stop();
    expect(new Set(kept)).toEqual(new Set([false]));
    kept.length = 0;
    await clock.advance(5_000);
    await health.report();
    expect(kept).toEqual([true]);
  });
});
