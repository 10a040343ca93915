import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CallMeta, createIntegration, type Integration, type IntegrationOverrides } from "../../src/index.ts";
import { type LocalStack, type StandInName, startLocalStack } from "../../src/local/index.ts";
import { type HedgeRule } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

let stack: LocalStack;
let token: string;
const opened: Integration[] = [];
const file = { bucket: "documents", path: "letters/one.txt" };
const other = { ...file, bucket: "exports" };

beforeAll(async () => {
  stack = await startLocalStack();
  const { supabase } = integrate().integration;
  for (const { bucket: name } of [file, other]) await supabase.storage.ensureBucket({ name, public: false });
  const { session } = await supabase.auth.signUp({ email: "ada@example.com", password: "correct horse battery" });
  token = session!.accessToken;
  for (const place of [file, other]) await supabase.storage.upload({ ...place, body: "one", upsert: true });
});
afterAll(() => stack.close());
afterEach(async () => {
  stack.faults.clear();
  for (const integration of opened.splice(0)) await integration.close({ timeoutMs: 1 });
});

function integrate(overrides: IntegrationOverrides = {}) {
  const clock = new ManualClock();
  const integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" }, { clock, ...overrides });
  opened.push(integration);
  const sentBy = async (service: StandInName, work: () => Promise<unknown>) => {
    const before = stack.faults.requests(service);
    await work();
    return stack.faults.requests(service) - before;
  };
  return { clock, integration, sentBy };
}

/** Sockets are real: whatever is on its way arrives. */
const settle = async () => {
  for (let turn = 0; turn < 12; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
};

interface Asked {
  readonly cache?: boolean | { readonly ttlMs?: number; readonly staleIfErrorMs?: number };
  readonly hedge?: boolean | HedgeRule;
  readonly onMeta?: (meta: CallMeta) => void;
}
const reads: [string, StandInName, (integration: Integration, asked: Asked) => Promise<unknown>][] = [
  ["storage.list", "supabase", ({ supabase }, asked) => supabase.storage.list({ bucket: file.bucket }, asked)],
  ["storage.info", "supabase", ({ supabase }, asked) => supabase.storage.info(file, asked)],
  ["storage.download", "supabase", ({ supabase }, asked) => supabase.storage.download(file, asked)],
  ["tinyfish.search", "tinyfish", ({ tinyfish }, asked) => tinyfish.search({ query: "houses", ...asked })],
  ["tinyfish.fetch", "tinyfish", ({ tinyfish }, asked) => tinyfish.fetch({ urls: [stack.siteUrl], ...asked })],
  ["ollama.models", "ollama", ({ ollama }, asked) => ollama.models(asked)],
];

describe.each(reads)("%s", (_, service, read) => {
  it("is answered from the cache where it asks for that, for ttlMs, and says so", async () => {
    const { clock, integration, sentBy } = integrate();
    await read(integration, {}); // whatever a client asks once
    const metas: CallMeta[] = [];
    const cached = () => read(integration, { cache: { ttlMs: 5_000 }, onMeta: (meta) => metas.push(meta) });
    const first = await cached();
    const second = await cached();
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
    expect(metas.map(({ cached, ageMs }) => [cached, ageMs])).toEqual([
      [undefined, undefined],
      ["fresh", 0],
    ]);
    await clock.advance(4_999);
    expect(await sentBy(service, cached)).toBe(0);
    expect(await sentBy(service, () => read(integration, {}))).toBe(1);
    await clock.advance(1);
    expect(await sentBy(service, cached)).toBe(1);
  });

  it("is answered with what is stale while the service fails, and says why", async () => {
    const { clock, integration } = integrate({ policies: { [service]: { maxAttempts: 1 } } });
    const metas: CallMeta[] = [];
    const asked: Asked = { cache: { ttlMs: 1_000, staleIfErrorMs: 60_000 }, onMeta: (meta) => metas.push(meta) };
    const first = await read(integration, asked);
    await clock.advance(2_000);
    stack.faults.inject(service, { kind: "status", status: 503 }, { times: 10 });
    expect(await read(integration, asked)).toEqual(first);
    expect(metas[1]).toMatchObject({ cached: "stale", degraded: "server-error", ageMs: 2_000 });
  });

  it("is sent a second time where it asks for a hedge and the first is slow", async () => {
    const { clock, integration, sentBy } = integrate();
    await read(integration, {});
    stack.faults.inject(service, { kind: "stall" });
    const sent = await sentBy(service, async () => {
      const answer = read(integration, { hedge: { afterMs: 50 } });
      await settle();
      await clock.advance(50);
      await answer;
    });
    expect(sent).toBe(2);
    expect(clock.now()).toBe(50);
  });
});

describe("a hedge", () => {
  it("of the service's policy is switched off by a read's own word, and is never made of a write", async () => {
    const { clock, integration, sentBy } = integrate({ policies: { supabase: { hedge: { afterMs: 50 } } } });
    const { storage } = integration.supabase;
    const attempts = async (work: (signal: AbortSignal) => Promise<unknown>) => {
      const caller = new AbortController();
      stack.faults.inject("supabase", { kind: "stall" });
      return sentBy("supabase", async () => {
        const call = work(caller.signal).catch(() => undefined);
        await settle();
        await clock.advance(100);
        await settle();
        caller.abort();
        await call;
      });
    };
    expect(await attempts((signal) => storage.list({ bucket: file.bucket }, { signal }))).toBe(2);
    expect(await attempts((signal) => storage.list({ bucket: file.bucket }, { signal, hedge: false }))).toBe(1);
    expect(await attempts((signal) => storage.remove({ bucket: file.bucket, paths: ["none.txt"] }, { signal }))).toBe(
      1,
    );
  });
});

describe("cached files", () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

  it("are forgotten when this client writes to their bucket, and by storage.forget", async () => {
    const { integration, sentBy } = integrate();
    const { storage } = integration.supabase;
    const look = (place: typeof file) => storage.download(place, { cache: true });
    const sent = (place: typeof file) => sentBy("supabase", () => look(place));
    await look(file);
    await look(other);
    await storage.upload({ ...file, body: "two", upsert: true });
    expect(text((await look(file)).bytes)).toBe("two");
    expect(await sent(other)).toBe(0);
    await storage.remove({ bucket: file.bucket, paths: ["none.txt"] });
    expect(await sent(file)).toBe(1);
    storage.forget(other.bucket);
    expect([await sent(file), await sent(other)]).toEqual([0, 1]);
    storage.forget();
    expect([await sent(file), await sent(other)]).toEqual([1, 1]);
  });

  it("are never another user's, and each caller's own to change", async () => {
    const { integration, sentBy } = integrate();
    const { storage } = integration.supabase;
    const look = (asker?: string) => storage.list({ bucket: file.bucket, token: asker }, { cache: true });
    const server = await look();
    expect(server).toHaveLength(1);
    expect(await sentBy("supabase", async () => expect(await look(token)).toEqual([]))).toBe(1);
    server.splice(0);
    expect(await look()).toHaveLength(1);
  });
});

describe("cached pages", () => {
  it("are not those that could not be got", async () => {
    const { integration, sentBy } = integrate();
    const missing = () => integration.tinyfish.fetch({ urls: [`${stack.siteUrl}/none`], cache: true });
    expect((await missing()).errors).toHaveLength(1);
    expect(await sentBy("tinyfish", missing)).toBe(1);
  });
});
