import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createIntegration,
  type Integration,
  type IntegrationEvents,
  type IntegrationOverrides,
} from "../../src/index.ts";
import { type LocalStack, type StandInName, startLocalStack } from "../../src/local/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { rejection } from "../resilience/helpers.ts";

let stack: LocalStack;
const opened: Integration[] = [];
let token: string;
beforeAll(async () => {
  stack = await startLocalStack();
  const { auth } = integrate().integration.supabase;
  const { session } = await auth.signUp({ email: "reader@example.com", password: "correct horse battery" });
  token = session!.accessToken;
});
afterAll(() => stack.close());
afterEach(async () => {
  stack.faults.clear();
  for (const integration of opened.splice(0)) await integration.close({ timeoutMs: 1 });
});

function integrate(overrides: IntegrationOverrides = {}) {
  const clock = new ManualClock();
  const calls: IntegrationEvents["call.finished"][] = [];
  const env = { ...stack.env, NEON_TRANSPORT: "http", LOG_LEVEL: "silent" };
  const integration = createIntegration(env, {
    clock,
    random: { next: () => 0 },
    onEvent: (name, event) =>
      void (name === "call.finished" && calls.push(event as IntegrationEvents["call.finished"])),
    ...overrides,
  });
  opened.push(integration);
  return { clock, calls, integration };
}

/** Sockets are real: whatever is on its way arrives. */
const settle = async () => {
  for (let turn = 0; turn < 12; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
};

const reads: [StandInName, string, (integration: Integration) => Promise<unknown>][] = [
  ["supabase", "supabase.storage", ({ supabase }) => supabase.storage.list({ bucket: "documents" })],
  ["tinyfish", "tinyfish.search", ({ tinyfish }) => tinyfish.search({ query: "houses" })],
  ["ollama", "ollama", ({ ollama }) => ollama.embed([`a garden ${Math.random()}`])],
  ["neon", "neon", ({ neon }) => neon.query`select 1`],
  ["neon-api", "neon-management", ({ neon }) => neon.admin.branches.list()],
  ["neon-api", "neon-data-api", async ({ neon }) => await neon.dataApi(token).from("houses").select()],
];

describe.each(reads)("%s says 429 with Retry-After: 5", (service, quota, read) => {
  it("sends nothing before that is over, then serves everybody, and tells where the time went", async () => {
    const { clock, calls, integration } = integrate();
    await read(integration); // whatever a client asks once
    const before = stack.faults.requests(service);
    const sent = () => stack.faults.requests(service) - before;
    stack.faults.inject(service, { kind: "status", status: 429, retryAfterSeconds: 5 });
    const first = read(integration);
    await settle();
    expect(sent()).toBe(1);
    const others = [1, 2, 3].map(() => read(integration));
    await settle();
    await clock.advance(4_999);
    await settle();
    expect(sent()).toBe(1);
    expect(integration.describe().outbound).toMatchObject({ [quota]: { pauseMs: 1 } });
    let done = false;
    const all = Promise.all([first, ...others]).then(() => (done = true));
    while (!done) {
      await clock.advance(250);
      await settle();
    }
    await all;
    expect(sent()).toBe(5);
    const last = integration.explain(calls.at(-1)!.callId)!;
    const waits = last.steps.filter((step) => step.step === "wait" && step.for === "service limit");
    expect(waits).toHaveLength(1);
    expect(last.waitedMs).toBeGreaterThanOrEqual(4_999);
    expect(last.otherMs).toBe(0);
  });
});

describe("limits of services", () => {
  it("refuse at once what would have to wait for longer than it may", async () => {
    const { calls, integration } = integrate({ policies: { supabase: { maxHintMs: 4_000 } } });
    stack.faults.inject("supabase", { kind: "status", status: 429, retryAfterSeconds: 5 });
    const list = () => integration.supabase.storage.list({ bucket: "documents" });
    expect(await rejection(list())).toMatchObject({ status: 429, retryAfterMs: 5_000 });
    const before = stack.faults.requests("supabase");
    expect(await rejection(list())).toMatchObject({ code: "RATE_LIMITED", service: "supabase", retryAfterMs: 5_000 });
    expect(stack.faults.requests("supabase")).toBe(before);
    const { steps } = integration.explain(calls.at(-1)!.callId)!;
    expect(steps).toMatchObject([{ step: "refusal", by: "service limit", code: "RATE_LIMITED", retryAfterMs: 5_000 }]);
  });

  it("are one for each of a service's own: a sign-up in vain holds back no file and no sign-in", async () => {
    const { integration } = integrate({ policies: { supabase: { maxHintMs: 0 } } });
    const { auth, storage } = integration.supabase;
    const person = { email: `${Math.random()}@example.com`, password: "correct horse battery" };
    await auth.signUp(person);
    stack.faults.inject("supabase", { kind: "status", status: 429, retryAfterSeconds: 60 }, { match: /signup/ });
    const other = { ...person, email: `other-${person.email}` };
    expect((await rejection(auth.signUp(other))).status).toBe(429);
    expect((await rejection(auth.signUp(other))).code).toBe("RATE_LIMITED");
    expect((await auth.signIn(person)).user.email).toBe(person.email);
    await storage.list({ bucket: "documents" });
    expect(Object.keys(integration.describe().outbound)).toEqual(["supabase.auth/signup"]);
    expect((await integration.supabase.health()).status).toBe("up");
  });

  it("hold for the vendor's own client, too", async () => {
    const { integration } = integrate({ policies: { supabase: { maxHintMs: 0 } } });
    stack.faults.inject("supabase", { kind: "status", status: 429, retryAfterSeconds: 60 }, { match: /storage/ });
    await integration.supabase.admin.storage.listBuckets();
    const before = stack.faults.requests("supabase");
    const { error } = await integration.supabase.admin.storage.listBuckets();
    expect(error?.message).toContain("takes no more requests now");
    expect(stack.faults.requests("supabase")).toBe(before);
  });

  it("are learned for a host's own service through its fetch", async () => {
    const { integration, clock } = integrate();
    let requests = 0;
    const fetch = async () => {
      requests += 1;
      return new Response("", { headers: { "RateLimit-Policy": '"api";q=2;w=10', RateLimit: '"api";r=1;t=10' } });
    };
    const crm = integration.outbound.learn(fetch, () => "crm");
    const ask = () =>
      integration.call({ service: "crm", operation: "ask", idempotent: true }, () => crm("https://crm.example"));
    await ask();
    await ask();
    const third = ask();
    await settle();
    expect(requests).toBe(2);
    await clock.advance(10_000);
    await third;
    expect(requests).toBe(3);
    expect(integration.describe().outbound["crm"]?.quotas).toMatchObject([{ name: "api", limit: 2, windowMs: 10_000 }]);
  });

  it("let a call wait that had passed them when the pause became known, and refuse the one without the patience", async () => {
    const { integration, clock, calls } = integrate({ policies: { hasty: { maxHintMs: 1_000 } } });
    let requests = 0;
    const refusing = async () => {
      requests += 1;
      return requests === 1 ? new Response("", { status: 429, headers: { "Retry-After": "5" } }) : new Response("");
    };
    const crm = integration.outbound.learn(refusing, () => "crm");
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const ask = (service: string) =>
      integration.call({ service, operation: "ask" }, async () => {
        await opened;
        return crm("https://crm.example");
      });
    const [patient, hasty] = [ask("crm"), rejection(ask("hasty"))];
    await settle();
    await crm("https://crm.example");
    open();
    expect(await hasty).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 5_000, attempts: 1 });
    await clock.advance(4_999);
    await settle();
    expect(requests).toBe(1);
    await clock.advance(1);
    expect((await patient).status).toBe(200);
    expect(requests).toBe(2);
    expect(integration.explain(calls.at(-1)!.callId)!.steps).toMatchObject([
      { step: "attempt", attempt: 1, code: "RATE_LIMITED" },
      { step: "wait", for: "backoff", durationMs: 5_000 },
      { step: "attempt", attempt: 2, outcome: "ok" },
    ]);
  });

  it("are not kept to where the host wants none", async () => {
    const { integration } = integrate({ outbound: false, policies: { supabase: { maxHintMs: 0 } } });
    stack.faults.inject("supabase", { kind: "status", status: 429, retryAfterSeconds: 60 });
    const list = () => integration.supabase.storage.list({ bucket: "documents" });
    expect((await rejection(list())).status).toBe(429);
    await list();
    expect(integration.describe().outbound).toEqual({});
  });

  it("bound a pause to maxPauseMs", async () => {
    const { integration, clock } = integrate({
      outbound: { maxPauseMs: 2_000 },
      policies: { supabase: { maxHintMs: 0 } },
    });
    stack.faults.inject("supabase", { kind: "status", status: 429, retryAfterSeconds: 60 });
    const list = () => integration.supabase.storage.list({ bucket: "documents" });
    await rejection(list());
    await clock.advance(1_999);
    expect((await rejection(list())).code).toBe("RATE_LIMITED");
    await clock.advance(1);
    await list();
  });
});
