import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { TinyFishClient } from "../../../src/clients/tinyfish/index.ts";
import {
  CallScopes,
  type CallRunner,
  type CallSpec,
  directRunner,
  EventBus,
  type IntegrationError,
  type IntegrationEvents,
  Secret,
} from "../../../src/core/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { sampleHouses } from "../../local/tinyfish/sample-houses.ts";
import { listings, pump, startClient, startSilentSite } from "./harness.ts";

const failure = (promise: Promise<unknown>): Promise<IntegrationError> =>
  promise.then(
    () => expect.unreachable("the call should have failed"),
    (error: unknown) => error as IntegrationError,
  );

describe("run", () => {
  it("returns the page's listings, typed by the schema that was asked with", async () => {
    const events = new EventBus();
    const finished: IntegrationEvents["run.finished"][] = [];
    events.on("run.finished", (event) => void finished.push(event));
    const { client, page, standIn } = await startClient({ events });
    const { result, steps, costUsd, run } = await client.run({ url: page, goal: "List the houses", output: listings });
    const houses = await sampleHouses(20);
    expect(result.listings.map(({ sourceKey, price }) => [sourceKey, price])).toEqual(
      houses.map(({ sourceKey, price }) => [sourceKey, price]),
    );
    expect(result.totalPages).toBe(3);
    expect([steps, costUsd, run.status]).toEqual([3, 0.048, "COMPLETED"]);
    expect(run.schemaValidation).toEqual({ valid: true, repromptAttempts: 0, errors: [] });
    expect(finished).toEqual([{ status: "COMPLETED", steps: 3 }]);
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("returns what the agent found where no shape is asked for", async () => {
    const { client, page } = await startClient();
    const { result } = await client.run({ url: page, goal: "Read it" });
    expect((result as { items: unknown[] }).items).toHaveLength(20);
  });

  it("understands a service that spells keys differently, omits nulls and uses new words", async () => {
    const { client, page, standIn } = await startClient();
    Object.assign(standIn.quirks, { camelCase: true, omitNulls: true, unknownNames: true });
    const { result } = await client.run({ url: page, goal: "List", output: listings });
    expect(result.listings).toHaveLength(20);
    const error = await failure(client.run({ url: `${standIn.siteUrl}/nothing`, goal: "x" }));
    expect(error).toMatchObject({ code: "UPSTREAM_STATUS", verdict: "fatal", details: { category: "NEW_CATEGORY" } });
  });

  it("says why a run failed, and that a new one would not help", async () => {
    const { client, standIn } = await startClient();
    const error = await failure(client.run({ url: `${standIn.siteUrl}/nothing`, goal: "x" }));
    expect(error).toMatchObject({
      code: "UPSTREAM_STATUS",
      verdict: "fatal",
      details: {
        tinyfishCode: "TASK_FAILED",
        category: "AGENT_FAILURE",
        runId: expect.stringMatching(/^run_/),
        steps: 1,
      },
    });
    expect(error.message).toContain("answered 404");
    const blocked = await failure(client.run({ url: "https://example.com/", goal: "x" }));
    expect(blocked.details).toMatchObject({ tinyfishCode: "SITE_BLOCKED" });
  });

  it("tells an empty wallet from a bad key, before and during a run", async () => {
    const { client, page, standIn } = await startClient({}, { walletUsd: 0.04 });
    const during = await failure(client.run({ url: page, goal: "x" }));
    expect(during).toMatchObject({ code: "FORBIDDEN", verdict: "fatal", details: { category: "BILLING_FAILURE" } });
    const before = await failure(client.run({ url: page, goal: "x" }));
    expect(before).toMatchObject({
      code: "FORBIDDEN",
      verdict: "fatal",
      status: 403,
      details: { tinyfishCode: "INSUFFICIENT_CREDITS" },
    });
    expect(await client.health()).toMatchObject({ status: "up" });
    const stranger = new TinyFishClient({ apiKey: "sk-mino-other", baseUrl: standIn.url });
    expect(await failure(stranger.run({ url: page, goal: "x" }))).toMatchObject({
      code: "UNAUTHENTICATED",
      status: 401,
    });
  });

  it("names the beta features of a request that was refused", async () => {
    const { client, page, standIn } = await startClient();
    standIn.quirks.betaGates = true;
    const error = await failure(client.run({ url: page, goal: "x", output: listings, maxSteps: 5 }));
    expect(error).toMatchObject({ code: "FORBIDDEN", details: { betaFeatures: ["output", "maxSteps"] } });
    expect(error.message).toContain("leave it out");
    expect((await client.run({ url: page, goal: "x" })).steps).toBe(3);
  });

  it("sends its options in the service's words", async () => {
    const bodies: unknown[] = [];
    const { client, page } = await startClient({
      fetch: (url, init) => {
        if (init?.method === "POST") bodies.push(JSON.parse(init.body as string));
        return fetch(url, init);
      },
    });
    await client.run({
      url: page,
      goal: "List",
      browserProfile: "stealth",
      proxy: { countryCode: "DE" },
      maxSteps: 7,
      maxDurationSeconds: 60,
      mode: "strict",
      capture: { html: true },
      webhookUrl: "https://example.com/hook",
      profileId: "p1",
      credentialItemIds: ["cred:1"],
    });
    expect(bodies).toEqual([
      {
        url: page,
        goal: expect.stringMatching(/^List\n\[ref:[0-9a-f]{16}\]$/),
        browser_profile: "stealth",
        proxy_config: { enabled: true, country_code: "DE" },
        agent_config: { mode: "strict", max_steps: 7, max_duration_seconds: 60 },
        capture_config: { html: true },
        webhook_url: "https://example.com/hook",
        use_profile: true,
        profile_id: "p1",
        use_vault: true,
        credential_item_ids: ["cred:1"],
      },
    ]);
  });

  it.each([
    [{ url: "example.com", goal: "x" }, "url must be a complete URL"],
    [{ url: "file:///etc/passwd", goal: "x" }, "url must be http or https"],
    [{ url: "https://me:hidden@example.com/", goal: "x" }, "must not hold a user name or password"],
    [{ url: "https://example.com/", goal: " " }, "goal must say what to do"],
    [{ url: "https://example.com/", goal: "x", maxSteps: 501 }, "maxSteps"],
    [{ url: "https://example.com/", goal: "x", webhookUrl: "javascript:0" }, "webhookUrl must be http or https"],
    [{ url: "https://example.com/", goal: "x", proxy: { type: "custom" as const } }, "a custom proxy needs url"],
    [{ url: "https://example.com/", goal: "x", output: z.map(z.string(), z.string()) }, "a map is no JSON value at #"],
  ])("refuses %j before anything is sent", async (request, words) => {
    const { client, faults } = await startClient();
    const error = await failure(client.run(request));
    expect(error.code).toBe("INVALID_INPUT");
    expect(error.message).toContain(words);
    expect(error.message).not.toContain("hidden");
    expect(faults.requests("tinyfish")).toBe(0);
  });
});

describe("a completed run that missed its goal", () => {
  /** The service's own answers with another result: what a model wrote cannot be had from the stand-in. */
  const withResult = (result: unknown) => ({
    fetch: async (url: string | URL, init?: RequestInit) => {
      const response = await fetch(url, init);
      if (!String(url).includes("/v1/runs/")) return response;
      return Response.json({ ...((await response.json()) as object), result });
    },
  });

  it("is INVALID_OUTPUT with the issues where its result does not fit the schema", async () => {
    const { client, page } = await startClient(withResult({ listings: [{ sourceKey: 7 }], totalPages: 3 }));
    const error = await failure(client.run({ url: page, goal: "x", output: listings }));
    expect(error).toMatchObject({ code: "INVALID_OUTPUT", details: { runId: expect.any(String), steps: 3 } });
    expect(error.details?.["issues"]).toContainEqual({ path: "listings.0.sourceKey", message: expect.any(String) });
  });

  it.each([
    { status: "failure", reason: "a captcha was in the way" },
    { success: false, message: "a captcha was in the way" },
    { error: "a captcha was in the way" },
  ])("is INVALID_OUTPUT where its result says so: %j", async (result) => {
    const { client, page } = await startClient(withResult(result));
    const error = await failure(client.run({ url: page, goal: "x" }));
    expect(error.code).toBe("INVALID_OUTPUT");
    expect(error.message).toContain("a captcha was in the way");
  });

  it("is an answer where the schema asks for the property that could mean failure", async () => {
    const { client, page } = await startClient(withResult({ status: "failed" }));
    const { result } = await client.run({
      url: page,
      goal: "Read the build's status",
      output: z.object({ status: z.string() }),
    });
    expect(result.status).toBe("failed");
  });

  it("may write null for what is optional, and omit what may be null", async () => {
    const { client, page } = await startClient(withResult({ name: null, rows: [{ a: null }] }));
    const output = z.object({
      name: z.string().optional(),
      rows: z.array(z.object({ a: z.number().optional(), b: z.string().nullable() })),
    });
    expect((await client.run({ url: page, goal: "x", output })).result).toEqual({ rows: [{ b: null }] });
  });

  it("is unwrapped where the schema is no object", async () => {
    const { client, page } = await startClient(withResult({ items: ["a", "b"] }));
    expect((await client.run({ url: page, goal: "x", output: z.array(z.string()) })).result).toEqual(["a", "b"]);
  });
});

describe("paying once", () => {
  it("adopts the run whose confirmation was lost", async () => {
    const { client, page, standIn, faults } = await startClient();
    const lost = faults.inject("tinyfish", { kind: "reset", phase: "after" }, { match: /run-async/ });
    const { result } = await client.run({ url: page, goal: "List", output: listings });
    expect(result.listings).toHaveLength(20);
    expect([lost.fired, standIn.stats().runsCreated]).toEqual([1, 1]);
  });

  it("looks twice, for a list that lags behind", async () => {
    const { client, page, standIn, faults } = await startClient();
    standIn.quirks.listLag = 1;
    faults.inject("tinyfish", { kind: "reset", phase: "after" }, { match: /run-async/ });
    await client.run({ url: page, goal: "List" });
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it.each([
    { kind: "reset", phase: "before" } as const,
    { kind: "status", status: 503 } as const,
    { kind: "status", status: 500 } as const,
  ])("orders again where the first order is nowhere: %j", async (fault) => {
    const { client, page, standIn, faults } = await startClient();
    faults.inject("tinyfish", fault, { match: /run-async/ });
    await client.run({ url: page, goal: "List" });
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("adopts after a timeout, when the answer comes too late", async () => {
    const clock = new ManualClock();
    const { client, page, standIn, faults } = await startClient({ clock, timeoutMs: 1000 });
    const { fetch: realFetch } = globalThis;
    // The order arrives; its answer never does.
    const late = new TinyFishClient({
      apiKey: standIn.env.TINYFISH_API_KEY,
      baseUrl: standIn.url,
      clock,
      timeoutMs: 1000,
      fetch: async (url, init) => {
        const response = await realFetch(url, init);
        return String(url).endsWith("run-async") ? new Promise<Response>(() => undefined) : response;
      },
    });
    await pump(clock, late.run({ url: page, goal: "List" }));
    expect(standIn.stats().runsCreated).toBe(1);
    expect(faults.requests("tinyfish")).toBeGreaterThan(2);
    await client.close();
  });

  it("gives up after two orders, and says how to look", async () => {
    const { client, page, standIn, faults } = await startClient();
    const fault = faults.inject("tinyfish", { kind: "reset" }, { times: 9, match: /run-async/ });
    const error = await failure(client.run({ url: page, goal: "List" }));
    expect(error).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      verdict: "outcome-unknown",
      details: { ref: expect.stringMatching(/^[0-9a-f]{16}$/) },
    });
    expect([fault.fired, standIn.stats().runsCreated]).toEqual([2, 0]);
  });

  it("does not order again when the list cannot be read", async () => {
    const { client, page, standIn, faults } = await startClient();
    faults.inject("tinyfish", { kind: "reset", phase: "after" }, { match: /run-async/ });
    faults.inject("tinyfish", { kind: "status", status: 503 }, { times: 9, match: /GET \/v1\/runs\?/ });
    expect(await failure(client.run({ url: page, goal: "List" }))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("does not search when the refusal proves that nothing was created", async () => {
    const { client, page, standIn, faults } = await startClient();
    faults.inject("tinyfish", { kind: "status", status: 429, retryAfterSeconds: 7 }, { match: /run-async/ });
    const error = await failure(client.run({ url: page, goal: "List" }));
    expect(error).toMatchObject({ verdict: "throttled", notSent: true, retryAfterMs: 7000, status: 429 });
    expect([faults.requests("tinyfish"), standIn.stats().runsCreated]).toEqual([1, 0]);
  });

  it("marks orders for the runner as not idempotent, and reads as idempotent", async () => {
    const specs: CallSpec[] = [];
    const direct = directRunner();
    const runner: CallRunner = {
      run: (spec, attempt) => {
        specs.push(spec);
        return direct.run(spec, attempt);
      },
      stream: (spec, attempt) => direct.stream(spec, attempt),
    };
    const { client, page } = await startClient({ runner, limit: { name: "scraping", key: "me" } });
    await client.run({ url: page, goal: "List", priority: "high" });
    const [order, ...reads] = specs;
    expect(order).toMatchObject({ operation: "createRun", priority: "high", limit: { name: "scraping", key: "me" } });
    expect(order!.idempotent ?? false).toBe(false);
    expect(reads.length).toBeGreaterThan(0);
    expect(reads.every((spec) => spec.operation === "getRun" && spec.idempotent === true && !spec.limit)).toBe(true);
  });

  it("recovers a failed run from a 500 whose body is the run, without a second order", async () => {
    const { client, standIn } = await startClient({
      fetch: (url, init) => fetch(String(url).replace("run-async", "run"), init),
    });
    const error = await failure(client.run({ url: `${standIn.siteUrl}/nothing`, goal: "x" }));
    expect(error.details).toMatchObject({ tinyfishCode: "TASK_FAILED", runId: expect.stringMatching(/^run_/) });
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("takes {run_id: null, error} for a refusal", async () => {
    const { client, page } = await startClient({
      fetch: async () => Response.json({ run_id: null, error: { code: "INVALID_INPUT", message: "no" } }),
    });
    expect(await failure(client.run({ url: page, goal: "x" }))).toMatchObject({
      code: "INVALID_INPUT",
      details: { tinyfishCode: "INVALID_INPUT" },
    });
  });

  it("adopts work of an earlier process by its idempotency key, unless that failed", async () => {
    const { client, page, standIn } = await startClient();
    const again = new TinyFishClient({ apiKey: standIn.env.TINYFISH_API_KEY, baseUrl: standIn.url, minPollMs: 1 });
    const first = await client.run({ url: page, goal: "List", idempotencyKey: "job-1" });
    const second = await again.run({ url: page, goal: "List", idempotencyKey: "job-1" });
    expect(second.runId).toBe(first.runId);
    const request = { url: `${standIn.siteUrl}/nothing`, goal: "List", idempotencyKey: "job-2" };
    const failed = [await failure(client.run(request)), await failure(again.run(request))];
    expect(new Set(failed.map((error) => error.details?.["runId"])).size).toBe(2);
    expect(standIn.stats().runsCreated).toBe(3);
  });
});

describe("waiting", () => {
  it("outlives an outage of the service while the run goes on", async () => {
    const { client, page, standIn, faults } = await startClient();
    const outage = faults.inject(
      "tinyfish",
      { kind: "status", status: 503 },
      { times: 8, match: /GET \/v1\/runs\/run_/ },
    );
    await client.run({ url: page, goal: "List" });
    expect([outage.fired, standIn.stats().runsCreated]).toEqual([8, 1]);
  });

  it("stops when the service does not come back, and names the run", async () => {
    const { client, page, faults } = await startClient();
    const outage = faults.inject("tinyfish", { kind: "reset" }, { times: 99, match: /GET \/v1\/runs\/run_/ });
    const error = await failure(client.run({ url: page, goal: "List" }));
    expect(error).toMatchObject({ code: "NETWORK", details: { runId: expect.stringMatching(/^run_/) } });
    expect(outage.fired).toBe(12);
  });

  it("cancels the run at the service when the caller aborts, and answers at once", async () => {
    const site = await startSilentSite();
    const { client, standIn } = await startClient();
    const abort = new AbortController();
    const running = client.run({ url: site.url, goal: "x", signal: abort.signal });
    await site.visited();
    abort.abort();
    const error = await failure(running);
    expect(error).toMatchObject({ code: "ABORTED", details: { runId: expect.any(String) } });
    await client.close();
    expect(standIn.stats()).toMatchObject({ running: 0, runsCreated: 1 });
  });

  it("cancels by the reference when the caller aborts before the order is confirmed", async () => {
    const site = await startSilentSite();
    const abort = new AbortController();
    const { client, standIn } = await startClient({
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        return String(url).endsWith("run-async") ? new Promise<Response>(() => undefined) : response;
      },
    });
    const running = client.run({ url: site.url, goal: "x", signal: abort.signal });
    await site.visited();
    abort.abort();
    expect((await failure(running)).code).toBe("ABORTED");
    await client.close();
    expect(standIn.stats()).toMatchObject({ running: 0, runsCreated: 1 });
  });

  it("ends at the deadline and cancels the run", async () => {
    const clock = new ManualClock();
    const site = await startSilentSite();
    const { client, standIn } = await startClient({ clock, runDeadlineMs: 60_000 });
    const error = await failure(pump(clock, client.run({ url: site.url, goal: "x", deadlineMs: 999_999_999 })));
    expect(error.code).toBe("DEADLINE_EXCEEDED");
    expect(clock.now()).toBeLessThan(70_000);
    await pump(clock, client.close());
    expect(standIn.stats().running).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("inherits the deadline of the request that caused it", async () => {
    const clock = new ManualClock();
    const site = await startSilentSite();
    const scopes = new CallScopes();
    const { client } = await startClient({ clock, scopes });
    const running = scopes.run({ deadlineAt: clock.now() + 5000 }, () => client.run({ url: site.url, goal: "x" }));
    expect(await failure(pump(clock, running))).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(clock.now()).toBeLessThan(8000);
  });

  it("leaves the run alone where the waiter says so", async () => {
    const site = await startSilentSite();
    const { client, standIn } = await startClient();
    const { runId } = await client.start({ url: site.url, goal: "x" });
    await site.visited();
    const gone = AbortSignal.abort();
    expect((await failure(client.runs.wait(runId, { signal: gone, onGiveUp: "leave" }))).code).toBe("ABORTED");
    expect(standIn.stats().running).toBe(1);
    site.close();
    expect(await client.runs.wait(runId)).toMatchObject({ runId, status: "FAILED" });
  });
});

describe("concurrency and money", () => {
  it("keeps no more runs going than it may, and starts the next when one is over", async () => {
    const { client, page, standIn } = await startClient({ maxConcurrentRuns: 2 }, { maxConcurrentRuns: 10 });
    await Promise.all(Array.from({ length: 8 }, () => client.run({ url: page, goal: "List" })));
    expect(standIn.stats()).toMatchObject({ runsCreated: 8, peakRunning: 2 });
  });

  it("gives the place of an aborted waiter to the next", async () => {
    const site = await startSilentSite();
    const { client, page, standIn } = await startClient({ maxConcurrentRuns: 1 });
    const first = client.run({ url: site.url, goal: "x" });
    await site.visited();
    const abort = new AbortController();
    const second = client.run({ url: page, goal: "x", signal: abort.signal });
    const third = client.run({ url: page, goal: "x" });
    abort.abort();
    expect((await failure(second)).code).toBe("ABORTED");
    site.close();
    await failure(first);
    expect((await third).steps).toBe(3);
    expect(standIn.stats().runsCreated).toBe(2);
  });

  it("sets the worst case aside, books the real price, and refuses past the day's budget", async () => {
    const clock = new ManualClock();
    const { client, page, standIn } = await startClient({ clock, dailyBudgetUsd: 2.45 });
    await pump(clock, client.run({ url: page, goal: "x" }));
    expect(client.spentTodayUsd).toBeCloseTo(0.048, 6);
    await pump(clock, client.run({ url: page, goal: "x" }));
    const error = await failure(client.run({ url: page, goal: "x" }));
    expect(error).toMatchObject({ code: "BUDGET_EXHAUSTED", verdict: "fatal" });
    expect(error.message).toContain("TINYFISH_DAILY_BUDGET_USD");
    await pump(clock, client.run({ url: page, goal: "x", maxSteps: 10 }));
    expect(standIn.stats().runsCreated).toBe(3);
    await clock.advance(24 * 3600 * 1000);
    expect(client.spentTodayUsd).toBe(0);
  });

  it("frees what was set aside for an order that was refused", async () => {
    const { client, page, faults } = await startClient({ dailyBudgetUsd: 3 });
    faults.inject("tinyfish", { kind: "status", status: 400 }, { match: /run-async/ });
    expect((await failure(client.run({ url: page, goal: "x" }))).code).toBe("INVALID_INPUT");
    expect(client.spentTodayUsd).toBe(0);
  });

  it("books a started run at its worst price until its end is seen", async () => {
    const { client, page } = await startClient();
    const { runId } = await client.start({ url: page, goal: "x" });
    expect(client.spentTodayUsd).toBeCloseTo(2.4, 6);
    await client.runs.wait(runId);
    expect(client.spentTodayUsd).toBeCloseTo(0.048, 6);
  });
});

describe("batches", () => {
  it("wait for every run and tell each one's end", async () => {
    const { client, page, standIn } = await startClient();
    const runs = [1, 2, 3].map((number) => ({ url: `${page}?page=${number}`, goal: "List" }));
    const ends = await client.runBatch({
      runs: [...runs, { url: `${standIn.siteUrl}/nothing`, goal: "x" }],
      output: listings,
    });
    expect(ends.map((end) => end.outcome?.result.listings.length)).toEqual([20, 20, 5, undefined]);
    expect(ends[3]!.error?.details).toMatchObject({ tinyfishCode: "TASK_FAILED" });
    expect(client.spentTodayUsd).toBeCloseTo(10 * 0.016, 6);
  });

  it("are found again in their order when the confirmation was lost", async () => {
    const { client, page, standIn, faults } = await startClient();
    faults.inject("tinyfish", { kind: "reset", phase: "after" }, { match: /run-batch/ });
    const runs = Array.from({ length: 12 }, (_, index) => ({ url: `${page}?page=${(index % 3) + 1}`, goal: "List" }));
    const ends = await client.runBatch({ runs, output: listings });
    expect(ends.map((end) => end.outcome?.result.listings.length)).toEqual(
      runs.map((_, index) => (index % 3 === 2 ? 5 : 20)),
    );
    expect(standIn.stats().runsCreated).toBe(12);
  });

  it("are cancelled whole on abort, and refused when empty or too large", async () => {
    const site = await startSilentSite();
    const { client, page, standIn } = await startClient();
    const abort = new AbortController();
    const batch = client.runBatch({ runs: [1, 2].map(() => ({ url: site.url, goal: "x" })), signal: abort.signal });
    await site.visited(2);
    abort.abort();
    expect((await failure(batch)).code).toBe("ABORTED");
    await client.runs.list();
    expect((await failure(client.runBatch({ runs: [] }))).code).toBe("INVALID_INPUT");
    expect((await failure(client.runBatch({ runs: Array(101).fill({ url: page, goal: "x" }) }))).code).toBe(
      "INVALID_INPUT",
    );
    await client.close();
    expect(standIn.stats()).toMatchObject({ running: 0, runsCreated: 2 });
  });
});

describe("closing", () => {
  it("lets calls under way finish, and takes no more", async () => {
    const { client, page } = await startClient();
    const running = client.run({ url: page, goal: "List" });
    const closing = client.close();
    expect(await failure(client.run({ url: page, goal: "x" }))).toMatchObject({ code: "CLOSED" });
    expect((await running).steps).toBe(3);
    await closing;
    expect(await client.health()).toMatchObject({ status: "down" });
    await client.close();
  });

  it("ends what does not finish in time, and cancels it", async () => {
    const clock = new ManualClock();
    const site = await startSilentSite();
    const { client, standIn } = await startClient({ clock });
    const running = failure(client.run({ url: site.url, goal: "x" }));
    await pump(clock, site.visited());
    await pump(clock, client.close({ timeoutMs: 3000 }));
    expect(await running).toMatchObject({ code: "CLOSED", details: { runId: expect.any(String) } });
    expect(standIn.stats().running).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("options", () => {
  it("are refused all at once, without showing the key", () => {
    const make = () =>
      new TinyFishClient({
        apiKey: "two words",
        baseUrl: "nowhere",
        maxConcurrentRuns: 0,
        timeoutMs: Number.NaN,
        minPollMs: 10,
        maxPollMs: 5,
      });
    expect(make).toThrow(/apiKey.*baseUrl.*maxConcurrentRuns.*timeoutMs.*minPollMs/);
    expect(make).not.toThrow(/two words/);
  });

  it("keep the key out of sight", () => {
    const client = new TinyFishClient({ apiKey: new Secret("sk-mino-very-secret") });
    expect(inspect(client, { depth: 9, showHidden: true })).not.toContain("very-secret");
    expect(JSON.stringify(client)).not.toContain("very-secret");
  });

  it.each([
    [
      "https://tiny.test/v1/",
      "https://tiny.test/v1/search",
      "https://tiny.test/v1/fetch",
      "https://tiny.test/v1/wallet",
    ],
    ["https://tiny.test", "https://tiny.test/v1/search", "https://tiny.test/v1/fetch", "https://tiny.test/v1/wallet"],
    [
      undefined,
      "https://api.search.tinyfish.ai/",
      "https://api.fetch.tinyfish.ai/",
      "https://agent.tinyfish.ai/v1/wallet",
    ],
  ])("place every host below the base URL %s", async (baseUrl, search, fetchUrl, wallet) => {
    const seen: string[] = [];
    const client = new TinyFishClient({
      apiKey: "key",
      baseUrl,
      fetch: async (url, init) => {
        seen.push(String(url).split("?")[0]!);
        expect(new Headers(init?.headers).get("x-api-key")).toBe("key");
        return Response.json({});
      },
    });
    await client.search({ query: "x" });
    await client.fetch({ urls: ["https://example.com/"] });
    await client.wallet();
    expect(seen).toEqual([search, fetchUrl, wallet]);
  });
});
