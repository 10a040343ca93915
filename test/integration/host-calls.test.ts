import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createIntegration, type Integration } from "../../src/index.ts";
import { type LocalStack, startLocalStack } from "../../src/local/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { rejection, reset } from "../resilience/helpers.ts";

const offline = {
  NEON_CONNECTION_STRING: "postgresql://app:secret-1234@db.example.com/app",
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_ANON_KEY: "sb_publishable_abcdefghijkl",
  LOG_LEVEL: "silent",
};
const opened: Integration[] = [];
afterEach(async () => {
  for (const integration of opened.splice(0)) await integration.close({ timeoutMs: 1 });
});

function integrate(env: Record<string, string> = {}) {
  const clock = new ManualClock();
  const integration = createIntegration({ ...offline, ...env }, { clock });
  opened.push(integration);
  let answers = 0;
  const ask = (key: string, extra: object = {}) =>
    integration.callWithMeta(
      { service: "crm", operation: "read", idempotent: true, maxAttempts: 1, cache: { key, ...extra } },
      async () => (answers += 1),
    );
  return { clock, integration, ask };
}

describe("a host's own calls", () => {
  it("stay fresh for CACHE_TTL where they do not say how long", async () => {
    const { clock, ask } = integrate({ CACHE_TTL: "10" });
    expect((await ask("a")).meta.cached).toBeUndefined();
    await clock.advance(9_999);
    expect(await ask("a")).toMatchObject({ value: 1, meta: { cached: "fresh", ageMs: 9_999, attempts: 0 } });
    await clock.advance(1);
    expect((await ask("a")).value).toBe(2);
  });

  it("keep as many answers as CACHE_MAX_SIZE says", async () => {
    const { ask, integration } = integrate({ CACHE_MAX_SIZE: "2" });
    for (const key of ["a", "b", "c", "b"]) await ask(key);
    expect((await ask("a")).value).toBe(4);
    expect(integration.describe().settings["degradation"]).toMatchObject({ maxEntries: 2, ttlMs: 3_600_000 });
  });

  it("say when their answer is degraded, and why", async () => {
    const { clock, ask, integration } = integrate({ CACHE_TTL: "10" });
    await ask("a");
    await clock.advance(11_000);
    const spec = { service: "crm", operation: "read", idempotent: true, maxAttempts: 1 };
    const answer = await integration.callWithMeta({ ...spec, cache: { key: "a", staleIfErrorMs: 60_000 } }, () =>
      Promise.reject(reset()),
    );
    expect(answer).toMatchObject({ value: 1, meta: { cached: "stale", degraded: "network", ageMs: 11_000 } });
    expect(integration.explain(answer.meta.callId)).toMatchObject({ outcome: "ok", degraded: "network", otherMs: 0 });
  });

  it("are asked anew once their answer was forgotten", async () => {
    const { ask, integration } = integrate();
    await ask("a");
    expect(integration.forget("crm", "read", "a")).toBe(true);
    expect(integration.forget("crm", "read", "a")).toBe(false);
    expect((await ask("a")).value).toBe(2);
  });

  it("do not write to a service that is read-only, and read from it", async () => {
    const { ask, integration } = integrate();
    await ask("a");
    integration.setMode("crm", "read-only", "migration");
    const write = integration.call({ service: "crm", operation: "save" }, async () => "saved");
    expect(await rejection(write)).toMatchObject({
      code: "READ_ONLY",
      message: expect.stringContaining("migration") as string,
    });
    expect((await ask("a")).meta.cached).toBe("fresh");
    expect((await ask("b")).value).toBe(2);
    integration.setMode("crm", "read-write", "done");
    expect(await integration.call({ service: "crm", operation: "save" }, async () => "saved")).toBe("saved");
  });
});

describe("calls of clients inside a host's call", () => {
  let stack: LocalStack;
  beforeAll(async () => void (stack = await startLocalStack()));
  afterAll(() => stack.close());

  it.each([
    [
      "supabase",
      (to: Integration, parent: never) =>
        to.supabase.storage.list({ bucket: "documents" }, { parent, deadlineMs: 60_000 }),
    ],
    [
      "tinyfish",
      (to: Integration, parent: never) => to.tinyfish.search({ query: "houses", parent, deadlineMs: 60_000 }),
    ],
    ["ollama", (to: Integration, parent: never) => to.ollama.embed(["a quiet garden"], { parent, deadlineMs: 60_000 })],
    ["neon", (to: Integration, parent: never) => to.neon.query("select 1", [], { parent, deadlineMs: 60_000 })],
    [
      "neon",
      (to: Integration, parent: never) =>
        to.neon.transaction((tx) => tx.query`select 1`, { parent, deadlineMs: 60_000 }),
    ],
    ["neon-api", (to: Integration, parent: never) => to.neon.admin.branches.list({}, { parent, deadlineMs: 60_000 })],
    [
      "neon-api",
      (to: Integration, parent: never) => to.neon.admin.operations.wait(["running"], { parent, deadlineMs: 60_000 }),
    ],
  ] as const)("of %s end with the attempt that makes them", async (service, nested) => {
    const clock = new ManualClock();
    const integration = createIntegration({ ...stack.env, NEON_TRANSPORT: "http", LOG_LEVEL: "silent" }, { clock });
    opened.push(integration);
    stack.faults.inject(service, { kind: "stall" }, { times: 10 });
    const inner: Promise<string>[] = [];
    const outer = integration.call(
      { service: "crm", operation: "report", idempotent: true, deadlineMs: 300, maxAttempts: 1 },
      (context): Promise<unknown> => {
        const call = nested(integration, context as never);
        inner.push(rejection(call).then(({ code }) => code));
        return call;
      },
    );
    const outcome = rejection(outer);
    await clock.advance(299);
    expect(inner).toHaveLength(1);
    await clock.advance(1);
    // Where a second attempt would not fit in any more, the first one's failure is the answer.
    expect((await outcome).code).toMatch(/^(ATTEMPT_TIMEOUT|DEADLINE_EXCEEDED)$/);
    await expect(inner[0]).resolves.toMatch(/^(ABORTED|ATTEMPT_TIMEOUT|DEADLINE_EXCEEDED)$/);
    expect(clock.now()).toBe(300);
    stack.faults.clear();
  });
});
