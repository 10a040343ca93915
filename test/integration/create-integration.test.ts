import { type NeonClient } from "../../src/clients/neon/index.ts";
import { disabledClient } from "../../src/composition/disabled.ts";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, createIntegration, type Integration, IntegrationError } from "../../src/index.ts";
import { type LocalStack, startLocalStack } from "../../src/local/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

/** Points at nothing: no test that uses it may speak to a service. */
const offline = {
  NEON_CONNECTION_STRING: "postgresql://app:canary-password-1@db.example.com/app",
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_ANON_KEY: "sb_publishable_canary1234567890",
  TINYFISH_API_KEY: "sk-mino-canary1234567890",
  LOG_LEVEL: "silent",
};

describe("createIntegration", () => {
  it("names every problem of the environment at once, and no secret", () => {
    const broken = {
      NEON_CONNECTION_STRING: "postgres//app:canary-password-2@db",
      SUPABASE_URL: "not a url",
      SUPABASE_ANON_KEY: "your-supabase-anon-key",
      NEON_POOL_SIZE: "many",
      RATE_LIMIT_SEARCH_WINDOW: "1 fortnight",
    };
    const error = (() => {
      try {
        return createIntegration(broken);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(ConfigError);
    const names = (error as ConfigError).issues.map(({ name }) => name);
    for (const name of Object.keys(broken)) expect(names).toContain(name);
    for (const { problem, hint } of (error as ConfigError).issues) expect(problem !== "" && hint !== "").toBe(true);
    expect(inspect(error, { depth: null }) + JSON.stringify(error)).not.toContain("canary-password-2");
  });

  it("takes a secret that looks like an address with a stray percent sign", async () => {
    const SESSION_SECRET = "https://me:50%off@host/0123456789-0123456789";
    const integration = createIntegration({ ...offline, SESSION_SECRET });
    await integration.close();
  });

  it("does no I/O and starts no timer", async () => {
    const clock = new ManualClock();
    let fetched = 0;
    const fetch = () => Promise.reject(new Error(`fetch ${++fetched}`));
    const before = process.getActiveResourcesInfo().length;
    const integration = createIntegration(offline, { clock, fetch });
    expect(clock.pendingTimers).toBe(0);
    expect(process.getActiveResourcesInfo().length).toBe(before);
    expect(fetched).toBe(0);
    await integration.close();
  });

  it("is frozen where it matters and shows no secret when inspected", async () => {
    const integration = createIntegration(offline);
    expect(Object.isFrozen(integration.config)).toBe(true);
    const shown = inspect(integration, { depth: 12 }) + JSON.stringify(integration.config);
    expect(shown).not.toContain("canary");
    await integration.close();
  });

  it("METRICS_SERIES_TTL drops what nobody records to any more, and no state", async () => {
    const clock = new ManualClock();
    const integration = createIntegration({ ...offline, METRICS_SERIES_TTL: "1h" }, { clock });
    await integration.call({ service: "crm", operation: "get" }, async () => "customer");
    integration.events.emit("circuit.opened", { service: "crm", reason: "isolated" } as never);
    const seen = () =>
      ["enhanced_integration_calls_total", "enhanced_integration_circuit_state", "db_client_connection_max"].map(
        (name) => integration.monitoring.read(name).length,
      );
    for (const minutes of [0, 59]) {
      await clock.advance(minutes * 60_000);
      await integration.monitoring.metrics();
    }
    const before = seen();
    expect(before.slice(0, 2)).toEqual([1, 1]);
    await clock.advance(60_000);
    await integration.monitoring.metrics();
    expect(seen()).toEqual([0, ...before.slice(1)]);
    await integration.close();
  });

  it("runs a host's own service through the same rooms, and explains the call", async () => {
    const integration = createIntegration(offline, { policies: { crm: { baseDelayMs: 1, maxDelayMs: 1 } } });
    let attempts = 0;
    const finished: string[] = [];
    integration.events.on("call.finished", ({ callId }) => finished.push(callId));
    const value = await integration.call({ service: "crm", operation: "get", idempotent: true }, ({ attempt }) => {
      attempts += 1;
      if (attempt === 1) throw new IntegrationError({ code: "NETWORK", message: "reset" });
      return Promise.resolve("customer");
    });
    expect([value, attempts]).toEqual(["customer", 2]);
    expect(integration.explain(finished[0]!)).toMatchObject({ service: "crm", operation: "get" });
    expect(integration.monitoring.serviceSummary()["crm"]).toMatchObject({ count: 1, errors: 0, retries: 1 });
    expect(await integration.monitoring.metrics()).toMatch(/enhanced_integration_calls_total\{[^}]*service="crm"/);
    expect(integration.describe().stages).toContain("retry");
    expect(integration.describe().breakers["crm"]).toBe("closed");
    await integration.close();
    await expect(
      integration.call({ service: "crm", operation: "get" }, () => Promise.resolve(1)),
    ).rejects.toMatchObject({
      code: "CLOSED",
    });
  });

  it("charges model calls to the analysis limit, which waits its turn, and embeddings to none", async () => {
    const clock = new ManualClock();
    const answer = `${JSON.stringify({ model: "m", message: { role: "assistant", content: "yes" }, done: true, done_reason: "stop" })}\n`;
    const bodies: Record<string, string> = {
      "/api/chat": answer,
      "/api/version": '{"version":"0.33.0"}',
      "/api/embed": '{"embeddings":[[0,1]]}',
    };
    const asked: string[] = [];
    const fetch = (url: string | URL) => {
      const { pathname } = new URL(url);
      asked.push(pathname);
      return Promise.resolve(new Response(bodies[pathname] ?? "{}"));
    };
    const limits = {
      RATE_LIMIT_ANALYSIS_REQUESTS: "60",
      RATE_LIMIT_ANALYSIS_WINDOW: "1m",
      RATE_LIMIT_ANALYSIS_BURST: "1",
    };
    const integration = createIntegration({ ...offline, ...limits }, { clock, fetch });
    const chat = () => integration.ollama.chat({ messages: [{ role: "user", content: "is it old?" }] });
    expect((await chat()).text).toBe("yes");
    const second = chat();
    await clock.advance(500);
    for (const text of ["a", "b", "c"]) expect(await integration.ollama.embed([text])).toEqual([[0, 1]]);
    expect(asked.filter((path) => path === "/api/chat").length).toBe(1);
    await clock.advance(600);
    expect((await second).text).toBe("yes");
    await integration.close();
  });

  it("rejects calls of a service that is not configured, and names the variable", async () => {
    const { TINYFISH_API_KEY: _none, ...env } = offline;
    const integration = createIntegration({ ...env, ENABLE_FILE_STORAGE: "false" });
    const run = integration.tinyfish.search({ query: "houses" });
    await expect(run).rejects.toMatchObject({
      code: "FEATURE_DISABLED",
      message: expect.stringContaining("TINYFISH_API_KEY"),
    });
    const scrape = integration.listings.scrape({ source: "x", url: "https://example.com" });
    await expect(scrape).rejects.toMatchObject({ code: "FEATURE_DISABLED" });
    const store = integration.listings.documents.store({ token: "t", path: "p", body: new Uint8Array() });
    await expect(store).rejects.toMatchObject({
      code: "FEATURE_DISABLED",
      message: expect.stringContaining("ENABLE_FILE_STORAGE"),
    });
    await integration.close();
  });

  it("ends the loop over a stream of a service that is not configured with the same error", async () => {
    const off = disabledClient<NeonClient>("neon", "set DATABASE_URL");
    const read = async () => {
      for await (const _row of off.stream("select 1"));
    };
    const expected = { code: "FEATURE_DISABLED", message: "neon is off: set DATABASE_URL" };
    await expect(read()).rejects.toMatchObject(expected);
    await expect(off.query("select 1")).rejects.toMatchObject(expected);
    await off.close();
  });

  it("survives a host's listener that throws, and hears every event through onEvent", async () => {
    const heard: string[] = [];
    const integration = createIntegration(offline, {
      onEvent: (name) => {
        heard.push(name);
        throw new Error("the host's fault");
      },
    });
    await integration.call({ service: "crm", operation: "get" }, () => Promise.resolve(1));
    expect(heard).toContain("call.finished");
    await integration.close();
  });
});

describe("an integration on the local stack", () => {
  let stack: LocalStack;
  let integration: Integration;

  beforeAll(async () => {
    stack = await startLocalStack({ houses: [] });
    integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" });
    await integration.neon.migrate();
  });
  afterAll(async () => {
    await integration.close();
    await stack.close();
  });

  it("starts, tells that all four services are up, and starts again without effect", async () => {
    await Promise.all([integration.start(), integration.start()]);
    const { status, checks } = await integration.health();
    expect(status).toBe("up");
    expect(Object.keys(checks).sort()).toEqual(["neon", "ollama", "supabase", "tinyfish"]);
    expect(await integration.ready()).toMatchObject({ ready: true });
    expect(integration.live()).toEqual({ status: "up" });
  });

  it("is degraded, not down, without scraping and models, and down without the database", async () => {
    const other = createIntegration({
      ...stack.env,
      LOG_LEVEL: "silent",
      TINYFISH_API_URL: "http://127.0.0.1:9",
      OLLAMA_BASE_URL: "http://127.0.0.1:9",
    });
    expect((await other.health()).status).toBe("degraded");
    expect((await other.ready()).ready).toBe(true);
    await other.close();
    const dead = createIntegration({
      ...stack.env,
      LOG_LEVEL: "silent",
      NEON_CONNECTION_STRING: "postgresql://a:b@127.0.0.1:9/x",
      NEON_TRANSPORT: "tcp",
    });
    expect((await dead.health()).status).toBe("down");
    await dead.close();
  });

  it("lets two integrations work side by side and closes one without the other", async () => {
    const other = createIntegration({ ...stack.env, LOG_LEVEL: "silent", APP_NAME: "other" });
    const [a, b] = await Promise.all([
      integration.neon.query<{ n: number }>`select 1 as n`,
      other.neon.query<{ n: number }>`select 2 as n`,
    ]);
    expect([a[0]!.n, b[0]!.n]).toEqual([1, 2]);
    await other.close();
    await other.close();
    expect((await integration.neon.query<{ n: number }>`select 3 as n`)[0]!.n).toBe(3);
  });

  it("carries a user's identity from Supabase into Neon, and no one else's rows out of it", async () => {
    const people = await Promise.all(
      ["ada", "bob"].map((name) =>
        integration.supabase.auth.signUp({ email: `${name}@example.com`, password: "correct-horse-battery" }),
      ),
    );
    const [ada, bob] = people.map(({ user, session }) => ({ id: user.id, token: session!.accessToken }));
    await integration.neon.asUser(
      ada!.token,
      (tx) => tx.query`insert into user_workflows (user_id, name) values (${ada!.id}, 'mine')`,
    );
    const seen = (token: string) =>
      integration.neon.asUser(token, (tx) => tx.query<{ name: string }>`select name from user_workflows`);
    expect((await seen(ada!.token)).map(({ name }) => name)).toEqual(["mine"]);
    expect(await seen(bob!.token)).toEqual([]);
    await expect(
      integration.neon.asUser(
        bob!.token,
        (tx) => tx.query`insert into user_workflows (user_id, name) values (${ada!.id}, 'forged')`,
      ),
    ).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(seen(`${ada!.token.slice(0, -2)}xx`)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });
});
