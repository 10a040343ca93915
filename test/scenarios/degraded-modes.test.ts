import { readFileSync } from "node:fs";
import express from "express";
import { type Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FetchLike } from "../../src/core/index.ts";
import { opsRouter } from "../../src/hosts/express/index.ts";
import { createIntegration, type Integration } from "../../src/index.ts";
import { type LocalStack, startLocalStack } from "../../src/local/index.ts";
import { serve, type Served } from "../hosts/support.ts";
import { type Door, openDoor } from "../support/door.ts";
import { LeapingClock, leapingRedis } from "../support/leaping-clock.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const dependencies = ["Neon", "Supabase auth", "Supabase storage", "TinyFish", "Ollama", "Redis"] as const;
type Dependency = (typeof dependencies)[number];

const pairs = dependencies.flatMap((one, i) => dependencies.slice(i + 1).map((other) => `${one}, ${other}`));
const states: readonly string[] = ["nothing", ...dependencies, ...pairs];

/** What an application asks for. Words and queries are new each time, or the caches would answer. */
const operations: Record<string, (integration: Integration) => Promise<unknown>> = {
  query: ({ neon }) => neon.query`select 1 as one`,
  "cached query": ({ neon }) => neon.query("select 2 as two", [], { cache: { ttlMs: 1, staleIfErrorMs: 1e7 } }),
  write: ({ neon }) => neon.query`update listings set price = price where false`,
  asUser: ({ neon }) => neon.asUser(token, (transaction) => transaction.query`select id from user_workflows`),
  verify: ({ supabase }) => supabase.auth.verify(token),
  signIn: ({ supabase }) => supabase.auth.signIn(person),
  download: ({ supabase }) => supabase.storage.download(file),
  upload: ({ supabase }) => supabase.storage.upload({ ...file, body: "plan", upsert: true }),
  "tinyfish.search": ({ tinyfish }) => tinyfish.search({ query: newWords() }),
  "tinyfish.fetch": ({ tinyfish }) => tinyfish.fetch({ urls: ["https://example.com/"] }),
  "tinyfish.runs": ({ tinyfish }) => tinyfish.runs.list(),
  embed: ({ ollama }) => ollama.embed([newWords()]),
  "search by facts": ({ listings }) => listings.search({ maxPrice: 500_000 }),
  "search by words": ({ listings }) => listings.search({ text: newWords() }),
  limit: ({ limits }) => limits.checkAsync("search", "somebody"),
  "own service": (integration) =>
    integration.call({ service: "crm", operation: "get" }, () => Promise.resolve("customer")),
};
const person = { email: "ada@example.com", password: "correct-horse-battery" };
const file = { bucket: "documents", path: "plan.txt" };
let words = 0;
const newWords = () => `a house by lake ${(words += 1)}`;

let stack: LocalStack;
let redis: TestRedis;
let client: Redis;
/** In front of the database, and one that leads nowhere: whoever is sent there is refused. */
let database: Door;
let nowhere: number;
let clock: LeapingClock;
let integration: Integration;
let host: Served;
let token = "";
const off = new Set<Dependency>();

/** A request to a service that is off goes to a port where nobody listens. */
const fetchOrBeRefused: FetchLike = (input, init) => {
  const { pathname, search, origin } = new URL(input);
  const { SUPABASE_URL, TINYFISH_API_URL, OLLAMA_BASE_URL } = stack.env;
  const asked: Dependency | undefined =
    origin === new URL(TINYFISH_API_URL!).origin
      ? "TinyFish"
      : origin === new URL(OLLAMA_BASE_URL!).origin
        ? "Ollama"
        : origin !== new URL(SUPABASE_URL!).origin
          ? undefined
          : pathname.startsWith("/storage/")
            ? "Supabase storage"
            : "Supabase auth";
  const to = asked && off.has(asked) ? `http://127.0.0.1:${nowhere}` : origin;
  return globalThis.fetch(to + pathname + search, init);
};

async function switchOff(dependency: Dependency): Promise<void> {
  off.add(dependency);
  if (dependency === "Neon") await database.shut();
  if (dependency === "Redis") await redis.kill();
}

async function switchAllOn(): Promise<void> {
  if (off.has("Neon")) await database.open();
  if (off.has("Redis")) await redis.restart();
  off.clear();
}

beforeAll(async () => {
  [stack, redis] = await Promise.all([startLocalStack({ houses: [] }), startRedis()]);
  const neon = new URL(stack.env["NEON_CONNECTION_STRING"]!);
  database = await openDoor(Number(neon.port));
  neon.port = String(database.port);
  const closed = await openDoor(0);
  nowhere = closed.port;
  await closed.shut();
  client = await redis.client({ maxRetriesPerRequest: 1, retryStrategy: () => 20 });
  clock = new LeapingClock();
  // Few calls shall be enough to see where it leads.
  const quick = {
    ...{ baseDelayMs: 1, maxDelayMs: 2 },
    budget: false,
    breaker: { minimumCalls: 4, halfOpenPermits: 1 },
  } as const;
  integration = createIntegration(
    {
      ...stack.env,
      ...limitsOf(100_000),
      NEON_CONNECTION_STRING: neon.href,
      // When the checks run is for this test to say.
      ENABLE_HEALTH_CHECKS: "false",
      ENABLE_PERFORMANCE_TRACING: "false",
      LOG_LEVEL: "silent",
    },
    {
      clock,
      fetch: fetchOrBeRefused,
      redis: leapingRedis(client, clock),
      policies: { neon: quick, supabase: quick, tinyfish: quick, ollama: quick },
    },
  );
  host = await serve(express().use("/ops", opsRouter(integration)));
  await integration.neon.migrate();
  token = (await integration.supabase.auth.signUp(person)).session!.accessToken;
  await integration.supabase.storage.ensureBucket({ name: "documents", public: false });
  await integration.supabase.storage.upload({ ...file, body: "plan" });
  await integration.start();
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await integration.close({ timeoutMs: 1_000 });
  await database.shut();
  await Promise.all([stack.close(), redis.close()]);
});

/** What the page says: by what is off, the other cells. */
const written = new Map(
  readFileSync(new URL("../../docs/health.md", import.meta.url), "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, name]) => name !== undefined && states.includes(name))
    .map(([, name, ...cells]) => [name, cells.slice(0, -1)]),
);

it("is told of each dependency and of each pair", () => {
  expect([...written.keys()]).toEqual(states);
});

describe("what is off, and what becomes of it, as docs/health.md says", () => {
  afterEach(switchAllOn);

  it.each(states)("%s", async (state) => {
    const gone = state === "nothing" ? [] : (state.split(", ") as Dependency[]);
    // What checks found and circuits counted is long ago.
    clock.leap(60_000);
    for (const dependency of gone) await switchOff(dependency);
    const atFirst = await rejections();
    for (const code of atFirst.values()) expect(passing).toContain(code);
    const rejected = await rejections();

    expect(await get("live")).toEqual({ status: 200, body: { status: "up" } });
    expect(await get("startup")).toEqual({ status: 200, body: { status: "up" } });
    const ready = await get("ready");
    const health = await get("health");
    const status = integration.status();
    expect(status.health).toEqual(health.body);
    // On a busy machine one command may be late; the next poll mends that.
    await expect
      .poll(() => integration.describe().fleet, { timeout: 10_000 })
      .toEqual({ connected: !off.has("Redis") });
    const isDown = Object.entries(health.body.checks ?? {}).filter(([, check]) => check.status !== "up");
    const circuits = status.services.flatMap(({ name, breaker, parts }) =>
      parts.length === 0 ? [{ name, breaker }] : parts.map((part) => ({ ...part, name: `${name}.${part.name}` })),
    );
    const open = circuits.filter(({ breaker }) => breaker?.state === "open");
    expect([
      `${ready.status} ${ready.body.status}`,
      `${health.status} ${health.body.status}`,
      list(isDown.map(([name, { status: found, critical }]) => `${name} ${found}${critical ? " (critical)" : ""}`)),
      list(open.map(({ name }) => name)),
      status.pool.mode,
      [...Map.groupBy(rejected.entries(), ([, code]) => code)]
        .sort()
        .map(([code, which]) => `\`${code}\`: ${list(which.map(([name]) => name))}`)
        .join("; ") || "none",
    ]).toEqual(written.get(state));

    await switchAllOn();
    // Longer than any break. Nobody helps.
    clock.leap(60_000);
    await expect.poll(rejections, { timeout: 10_000, interval: 20 }).toEqual(new Map());
    expect(await get("health")).toMatchObject({ status: 200, body: { status: "up" } });
    expect(await get("ready")).toMatchObject({ status: 200, body: { status: "up" } });
  });
});

/** Codes of failures that pass by themselves. */
const passing = ["NETWORK", "CIRCUIT_OPEN", "READ_ONLY", "OUTCOME_UNKNOWN"];

/** By operation, with which code it was turned away; the others work. */
async function rejections(): Promise<Map<string, string>> {
  const outcomes = await Promise.all(
    Object.entries(operations).map(async ([name, run]): Promise<[string, string]> => {
      const told = ({ code, message }: Error & { code?: string }) => code ?? message;
      return [name, await run(integration).then(() => "", told)];
    }),
  );
  return new Map(outcomes.filter(([, code]) => code !== ""));
}

interface Answer {
  readonly status: string;
  readonly checks?: Readonly<Record<string, { readonly status: string; readonly critical: boolean }>>;
}

async function get(path: string): Promise<{ readonly status: number; readonly body: Answer }> {
  const response = await fetch(`${host.url}/ops/${path}`);
  return { status: response.status, body: (await response.json()) as Answer };
}

const list = (items: readonly string[]) => items.join(", ") || "none";

function limitsOf(requests: number): Record<string, string> {
  const names = ["SCRAPING", "ANALYSIS", "SEARCH", "UPLOAD", "AUTH"];
  return Object.fromEntries(
    names.flatMap((name) => ["REQUESTS", "BURST"].map((what) => [`RATE_LIMIT_${name}_${what}`, String(requests)])),
  );
}
