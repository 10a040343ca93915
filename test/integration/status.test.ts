import { describe, expect, it } from "vitest";
import { createIntegration, IntegrationError, type Integration, type StatusSnapshot } from "../../src/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { offline } from "../hosts/support.ts";

const env = { ...offline, NEON_CONNECTION_STRING: "postgresql://app:canary-password@127.0.0.1:1/app" };

function started(options: { readonly policies?: Parameters<typeof createIntegration>[1] } = {}) {
  const clock = new ManualClock();
  const fetch = () => Promise.reject(new TypeError("fetch failed"));
  const integration = createIntegration(env, { clock, fetch, ...options.policies });
  const take = (ms: number, failure?: Error) =>
    integration.call({ service: "crm", operation: "get" }, async () => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, ms));
      if (failure) throw failure;
    });
  return { clock, integration, take };
}

const crmOf = (status: StatusSnapshot) => status.services.find(({ name }) => name === "crm");

async function ended(integration: Integration, clock: ManualClock): Promise<void> {
  const closed = integration.close();
  await clock.advance(20_000);
  await closed;
}

describe("status", () => {
  it("counts calls, failures and quantiles from its first reader on", async () => {
    const { clock, integration, take } = started();
    expect(crmOf(integration.status())).toBeUndefined();
    const calls = [10, 20, 30, 40].map((ms) => take(ms));
    const failed = take(100, new TypeError("not sent")).catch((error: unknown) => error);
    await clock.advance(200);
    await Promise.all([...calls, failed]);
    const crm = crmOf(integration.status())!;
    expect(crm).toMatchObject({ calls: 5, errors: 1, inFlight: 0, breaker: { state: "closed" } });
    expect(crm.p50Ms! / 30).toBeCloseTo(1, 1);
    expect(crm.p99Ms! / 100).toBeCloseTo(1, 1);
    await ended(integration, clock);
  });

  it("keeps fifteen minutes in steps of five seconds, and forgets what is older", async () => {
    const { clock, integration, take } = started();
    integration.status();
    void take(1);
    await clock.advance(5_000);
    const { series } = integration.status();
    expect([series.stepMs, series.steps, series.times.length]).toEqual([5_000, 180, 1]);
    expect(series.services["crm"]).toMatchObject({ calls: [1], errors: [0], p50Ms: [expect.closeTo(1, 1)] });
    await clock.advance(900_000);
    const later = integration.status();
    expect([later.series.times.length, later.windowMs]).toEqual([180, 900_000]);
    expect(crmOf(later)?.calls).toBe(0);
    expect(integration.status({ since: later.series.times.at(-3)! }).series.times).toHaveLength(2);
    await ended(integration, clock);
  });

  it("tells how often limits refused and made wait, and what waits now", async () => {
    const { clock, integration } = started();
    integration.status();
    const { limits } = integration;
    const { burst } = limits.limits.find(({ name }) => name === "upload")!;
    for (let i = 0; i <= burst; i += 1) limits.check("upload", "someone");
    const turn = limits.acquire("upload", "someone", { maxWaitMs: 60_000 });
    expect(integration.status().queue.forLimit).toBe(1);
    expect(integration.status().limits.find(({ name }) => name === "upload")).toMatchObject({
      usage: { keys: 1, policies: [{ name: "20/1m", used: burst, limit: burst, resetMs: 15_000 }] },
    });
    await clock.advance(60_000);
    await turn;
    const status = integration.status();
    expect(status.limits.find(({ name }) => name === "upload")).toMatchObject({ refused: 1, waited: 1 });
    expect(status.queue.forLimit).toBe(0);
    await ended(integration, clock);
  });

  it("shows the timelines of failed and of the slowest calls, without a service's own words", async () => {
    const { clock, integration, take } = started();
    integration.status();
    const cause = new IntegrationError({ code: "QUERY_FAILED", message: 'invalid input: "canary-parameter"' });
    const failed = take(5, cause).catch((error: unknown) => error);
    const slow = [300, 100, 200, 400].map((ms) => take(ms));
    await clock.advance(5_000);
    await Promise.all([failed, ...slow]);
    // The call log holds a thousand; what is shown outlives it.
    for (let i = 0; i < 1_100; i += 1) void integration.call({ service: "other", operation: "ping" }, async () => 1);
    await clock.advance(1);
    const { calls } = integration.status();
    expect(calls.failed).toMatchObject([
      { service: "crm", code: "QUERY_FAILED", steps: [{ step: "attempt", outcome: "error" }] },
    ]);
    const crm = calls.slow.filter(({ service }) => service === "crm");
    expect(crm.map(({ durationMs }) => durationMs)).toEqual([400, 300, 200]);
    expect(JSON.stringify(calls)).not.toContain("canary");
    await clock.advance(900_001);
    expect(integration.status().calls).toEqual({ failed: [], slow: [] });
    await ended(integration, clock);
  });

  it("lets the last of many refusals stand for them, so that what led there is still seen", async () => {
    const { clock, integration, take } = started();
    integration.status();
    const failed = take(1, new TypeError("not sent")).catch(() => undefined);
    await clock.advance(1);
    await failed;
    integration.operate({ action: "isolate", service: "crm" }, "ada");
    for (let i = 0; i < 100; i += 1) await take(0).catch(() => undefined);
    const codes = integration.status().calls.failed.map(({ code, attempts }) => [code, attempts]);
    expect(codes[0]).toEqual(["CIRCUIT_OPEN", 0]);
    expect(codes).toHaveLength(2);
    await ended(integration, clock);
  });

  it("shows alerts that are pending or firing, and their silences", async () => {
    const { clock, integration } = started();
    integration.monitoring.addAlert("busy", { condition: "jobs > 1", severity: "critical", message: "many jobs" });
    integration.monitoring.trackMetric("jobs", "gauge").set(7);
    integration.monitoring.checkAlerts();
    const alert = { name: "busy", state: "firing", severity: "critical", message: "many jobs", value: 7 };
    expect(integration.status().alerts).toMatchObject([{ ...alert, silence: null }]);
    integration.operate({ action: "silence", alert: "busy", minutes: 15 }, "ada");
    expect(integration.status().alerts).toMatchObject([{ ...alert, silence: { author: "ada" } }]);
    await clock.advance(900_000);
    expect(integration.status().alerts).toMatchObject([{ ...alert, silence: null }]);
    await ended(integration, clock);
  });

  it("asks the checks at most every fifteen seconds, and waits for none", async () => {
    const { clock, integration } = started();
    expect(integration.status().health).toEqual({ status: "unknown", checks: {} });
    await integration.health();
    const checkedAt = () => integration.status().health.checks["ollama"]?.checkedAt;
    const first = checkedAt();
    expect(first).toBeDefined();
    await clock.advance(14_000);
    expect(checkedAt()).toBe(first);
    await clock.advance(2_000);
    integration.status();
    await integration.health();
    expect(checkedAt()).not.toBe(first);
    await ended(integration, clock);
  });

  it("begins with start(), unless metrics are switched off", async () => {
    for (const [ENABLE_METRICS, calls] of [
      ["true", 1],
      ["false", undefined],
    ] as const) {
      const clock = new ManualClock();
      const integration = createIntegration({ ...env, ENABLE_METRICS, ENABLE_HEALTH_CHECKS: "false" }, { clock });
      await integration.start();
      await integration.call({ service: "crm", operation: "get" }, async () => 1);
      expect(crmOf(integration.status())?.calls || undefined).toBe(calls);
      await ended(integration, clock);
    }
  });

  it("leaves no timer behind", async () => {
    const { clock, integration } = started();
    integration.status();
    await integration.health();
    await ended(integration, clock);
    integration.status();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("watchStatus", () => {
  it("sends all steps first, then what is new, and ends with its signal or the integration", async () => {
    const { clock, integration } = started();
    integration.status();
    await clock.advance(10_000);
    const abort = new AbortController();
    const [mine, other] = [
      integration.watchStatus({ intervalMs: 5_000, signal: abort.signal }),
      integration.watchStatus(),
    ];
    const lengthOf = async (next: Promise<IteratorResult<StatusSnapshot, void>>) => {
      const { value } = await next;
      return value?.series.times.length;
    };
    expect([await lengthOf(mine.next()), await lengthOf(other.next())]).toEqual([2, 2]);
    const next = mine.next();
    await clock.advance(5_000);
    expect(await lengthOf(next)).toBe(1);
    abort.abort();
    expect((await mine.next()).done).toBe(true);
    await ended(integration, clock);
    expect((await other.next()).done).toBe(true);
  });
});

describe("a service of parts", () => {
  const fail = async (integration: Integration, clock: ManualClock, times: number) => {
    for (let i = 0; i < times; i += 1) {
      const failed = integration.supabase.storage
        .list({ bucket: "documents" })
        .catch((error: { code: string }) => error.code);
      await clock.advance(60_000);
      await failed;
    }
  };

  it("shows its worst circuit, its lowest budget, and each part", async () => {
    const supabase = {
      maxAttempts: 2,
      breaker: { minimumCalls: 4, windowMs: 3_600_000 },
      parts: { storage: { concurrency: 3 } },
    };
    const { clock, integration } = started({ policies: { policies: { supabase } } });
    await fail(integration, clock, 2);
    const status = integration.status().services.find(({ name }) => name === "supabase");
    expect(status).toMatchObject({
      breaker: { state: "open" },
      retryBudget: { available: 98, capacity: 100 },
      maxInFlight: null,
      parts: [
        { name: "auth", breaker: { state: "closed" }, maxInFlight: null, retryBudget: { available: 100 } },
        { name: "storage", breaker: { state: "open" }, maxInFlight: 3, retryBudget: { available: 98 } },
      ],
    });
    expect(integration.describe().breakers).toMatchObject({
      supabase: "open",
      "supabase.auth": "closed",
      "supabase.storage": "open",
    });
    await ended(integration, clock);
  });

  it("is isolated and closed as a whole or by part", async () => {
    const { clock, integration } = started();
    const states = () => {
      const { supabase, "supabase.auth": auth, "supabase.storage": storage } = integration.describe().breakers;
      return [supabase, auth, storage];
    };
    const told: string[] = [];
    integration.events.on("operator.acted", ({ action, target }) => told.push(`${action} ${target}`));
    integration.operate({ action: "isolate", service: "supabase", part: "auth" }, "ada");
    expect(states()).toEqual(["isolated", "isolated", "closed"]);
    await expect(integration.supabase.auth.signIn({ email: "a@b.c", password: "x" })).rejects.toMatchObject({
      code: "CIRCUIT_OPEN",
      service: "supabase",
      message: expect.stringContaining("supabase.auth: the circuit is isolated"),
    });
    integration.operate({ action: "isolate", service: "supabase" }, "ada");
    expect(states()).toEqual(["isolated", "isolated", "isolated"]);
    await expect(integration.supabase.storage.list({ bucket: "documents" })).rejects.toMatchObject({
      code: "CIRCUIT_OPEN",
    });
    const part = () => integration.operate({ action: "close", service: "supabase", part: "auth" }, "ada");
    expect(part).toThrow("supabase is isolated as a whole");
    integration.operate({ action: "close", service: "supabase" }, "ada");
    expect(states()).toEqual(["closed", "closed", "closed"]);
    integration.operate({ action: "isolate", service: "supabase", part: "storage" }, "ada");
    integration.operate({ action: "close", service: "supabase", part: "storage" }, "ada");
    expect(states()).toEqual(["closed", "closed", "closed"]);
    expect(told).toEqual([
      "isolate supabase.auth",
      "isolate supabase",
      "close supabase",
      "isolate supabase.storage",
      "close supabase.storage",
    ]);
    const unknown = () => integration.operate({ action: "close", service: "supabase", part: "x" }, "ada");
    expect(unknown).toThrow(/no circuit of "supabase\.x"; there are: .*supabase\.auth/);
    expect(states()).toHaveLength(3);
    await ended(integration, clock);
  });
});

describe("operate", () => {
  it("tells who did what, in one line", async () => {
    const { clock, integration } = started();
    const told: unknown[] = [];
    integration.events.on("operator.acted", (event) => told.push(event));
    integration.operate({ action: "isolate", service: "ollama" }, "  ada\n\u001b[31m{}");
    expect(integration.describe().breakers["ollama"]).toBe("isolated");
    expect(told).toEqual([{ who: "ada [31m{}", action: "isolate", target: "ollama" }]);
    expect(() => integration.operate({ action: "close", service: "ollama" }, " \n")).toThrow("say who acts");
    expect(() => integration.operate({ action: "close", service: "x" }, "ada")).toThrow(/no circuit of "x"; there are/);
    await ended(integration, clock);
  });
});
