import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { FaultPlan } from "../../../src/local/faults.ts";
import {
  startTinyFishStandIn,
  type TinyFishStandIn,
  type TinyFishStandInOptions,
} from "../../../src/local/tinyfish/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { sampleHouses } from "./sample-houses.ts";

/** What a server answered, before anything is known about it. */
type Json = ReturnType<typeof JSON.parse>;

let standIn: TinyFishStandIn | undefined;
afterEach(async () => {
  await standIn?.close();
  standIn = undefined;
});

async function start(options: TinyFishStandInOptions = {}) {
  standIn = await startTinyFishStandIn({ houses: await sampleHouses(45), stepDelayMs: 0, ...options });
  const { url, siteUrl, env } = standIn;
  const call = async (method: string, path: string, body?: unknown, key: string = env.TINYFISH_API_KEY) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { "x-api-key": key, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Json };
  };
  const finished = async (runId: string) => {
    for (;;) {
      const { body } = await call("GET", `/v1/runs/${runId}`);
      if (body.finished_at !== null) return body;
    }
  };
  return { standIn, url, siteUrl, call, finished, page: `${siteUrl}/listings` };
}

/** Servers that never answer keep a run in its first step for as long as a test needs. */
async function startSilentSite() {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}

const text = { type: "string" };
const listingsSchema = {
  type: "object",
  properties: {
    listings: {
      type: "array",
      items: {
        type: "object",
        properties: {
          source_key: text,
          Title: text,
          price: { type: "number" },
          sqft_living: { type: "integer" },
          waterfront: { type: "boolean" },
          year_renovated: { type: "integer", nullable: true },
          zipcode: text,
          url: text,
        },
        required: ["source_key", "price"],
      },
    },
    next_page: { type: "string", nullable: true },
    total_pages: { type: "integer" },
  },
  required: ["listings"],
};

describe("the agent's endpoints", () => {
  it("refuse a missing and a wrong key, with the service's words", async () => {
    const { url, call } = await start();
    const missing = await fetch(`${url}/v1/runs`);
    expect([missing.status, ((await missing.json()) as Json).error.code]).toEqual([401, "MISSING_API_KEY"]);
    const wrong = await call("GET", "/v1/runs", undefined, "sk-wrong");
    expect([wrong.status, wrong.body.error.code]).toEqual([401, "INVALID_API_KEY"]);
  });

  it("extract a page's listings by the schema, whatever the case style of its names", async () => {
    const { call, page, siteUrl, standIn } = await start();
    const { status, body } = await call("POST", "/v1/automation/run", {
      url: page,
      goal: "list",
      output_schema: listingsSchema,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "COMPLETED",
      num_of_steps: 3,
      schema_validation: { valid: true, errors: [] },
    });
    const houses = await sampleHouses(20);
    expect(body.result.total_pages).toBe(3);
    expect(body.result.next_page).toBe(`${siteUrl}/listings?page=2`);
    expect(body.result.listings).toEqual(
      houses.map((house) => ({
        source_key: house.sourceKey,
        Title: house.title,
        price: house.price,
        sqft_living: house.sqftLiving,
        waterfront: house.waterfront,
        year_renovated: house.yearRenovated,
        zipcode: house.zipcode,
        url: `${siteUrl}${house.url}`,
      })),
    );
    expect(standIn.stats()).toMatchObject({ runsCreated: 1, stepsPaid: 3 });
  });

  it("give the microdata as it is found without a schema, and null for a last page's next link", async () => {
    const { call, page, siteUrl } = await start();
    const [house] = await sampleHouses(1);
    const plain = await call("POST", "/v1/automation/run", { url: `${siteUrl}${house!.url}`, goal: "read" });
    expect(plain.body.result.items).toHaveLength(1);
    expect(plain.body.result.items[0]).toMatchObject({ sourceKey: house!.sourceKey, price: String(house!.price) });
    const last = await call("POST", "/v1/automation/run", {
      url: `${page}?page=3`,
      goal: "x",
      output_schema: listingsSchema,
    });
    expect(last.body.result.listings).toHaveLength(5);
    expect(last.body.result.next_page).toBeNull();
  });

  it("read a detail page's facts into top-level properties", async () => {
    const { call, siteUrl } = await start();
    const [house] = await sampleHouses(1);
    const output_schema = { type: "object", properties: { price: { type: "number" }, description: text } };
    const { body } = await call("POST", "/v1/automation/run", {
      url: `${siteUrl}${house!.url}`,
      goal: "x",
      output_schema,
    });
    expect(body.result).toEqual({ price: house!.price, description: house!.description });
  });

  it("complete with schema_validation.valid false when the page lacks what is required", async () => {
    const { call, page } = await start();
    const output_schema = { type: "object", properties: { agent: text }, required: ["agent"] };
    const { body } = await call("POST", "/v1/automation/run", { url: page, goal: "x", output_schema });
    expect(body).toMatchObject({
      status: "COMPLETED",
      schema_validation: { valid: false, re_prompt_attempts: 2, errors: [{ path: "#/agent", expected: "string" }] },
    });
  });

  it("answer a failed synchronous run with 500 and the run itself", async () => {
    const { call, siteUrl } = await start();
    const { status, body } = await call("POST", "/v1/automation/run", { url: `${siteUrl}/nothing`, goal: "x" });
    expect(status).toBe(500);
    expect(body).toMatchObject({ status: "FAILED", error: { code: "TASK_FAILED", category: "AGENT_FAILURE" } });
    expect(body.run_id).toMatch(/^run_/);
  });

  it("visit loopback addresses only", async () => {
    const { call, finished } = await start();
    const { body } = await call("POST", "/v1/automation/run-async", { url: "https://example.com/", goal: "x" });
    expect(body.error).toBeNull();
    expect(await finished(body.run_id)).toMatchObject({
      status: "FAILED",
      error: { code: "SITE_BLOCKED" },
      num_of_steps: 0,
    });
  });

  it.each([
    [{ url: "example.com", goal: "x" }, "url"],
    [{ url: "ftp://example.com/", goal: "x" }, "url"],
    [{ url: "http://127.0.0.1/", goal: "" }, "goal"],
    [{ url: "http://127.0.0.1/", goal: "x", agent_config: { max_steps: 501 } }, "agent_config.max_steps"],
    [{ url: "http://127.0.0.1/", goal: "x", profile_id: "p" }, "profile_id requires use_profile"],
    [{ url: "http://127.0.0.1/", goal: "x", proxy_config: { enabled: true, type: "custom" } }, "custom proxy"],
  ])("refuse a bad request before anything is created: %j", async (request, words) => {
    const { call, standIn } = await start();
    const { status, body } = await call("POST", "/v1/automation/run-async", request);
    expect([status, body.error.code]).toEqual([400, "INVALID_INPUT"]);
    expect(body.error.message).toContain(words);
    expect(standIn.stats().runsCreated).toBe(0);
  });

  it.each([
    [{ type: "array", items: text }, "type must be object at #"],
    [{ anyOf: [{ type: "object" }] }, "anyOf is not supported at the top level"],
    [{ type: "object", additionalProperties: false }, "additionalProperties is not supported at #"],
    [
      { type: "object", properties: { a: { type: ["string", "null"] } } },
      "type must not be an array; use nullable or anyOf at #/properties/a",
    ],
    [{ type: "object", properties: { a: true } }, "a schema must be an object at #/properties/a"],
    [{ type: "object", properties: { a: { type: "string", format: "uri" } } }, 'format "uri" is not supported'],
    [{ type: "object", properties: { a: { type: "number", enum: [1] } } }, "enum is only supported on type string"],
    [{ type: "object", properties: { a: { type: "string", minimum: 1 } } }, "minimum is only supported on type number"],
    [{ type: "object", properties: {}, required: ["a"] }, "required must list names of properties at #"],
    [{ type: "object", properties: { a: text }, propertyOrdering: ["a", "a"] }, "propertyOrdering must list names"],
  ])("refuse the schema %j, naming the path", async (output_schema, words) => {
    const { call, page } = await start();
    const { status, body } = await call("POST", "/v1/automation/run-async", { url: page, goal: "x", output_schema });
    expect(status).toBe(400);
    expect(body.error.message).toContain(words);
  });

  it("queue runs above the account's cap, and start them as slots come free", async () => {
    const silent = await startSilentSite();
    try {
      const { call, finished, page, standIn } = await start({ maxConcurrentRuns: 2 });
      const create = async (url: string) =>
        (await call("POST", "/v1/automation/run-async", { url, goal: "x" })).body.run_id;
      const [one, two] = [await create(silent.url), await create(silent.url)];
      const third = await create(page);
      expect((await call("GET", `/v1/runs/${one}`)).body).toMatchObject({ status: "RUNNING", num_of_steps: null });
      expect((await call("GET", `/v1/runs/${third}`)).body).toMatchObject({ status: "PENDING", started_at: null });
      expect(standIn.stats()).toMatchObject({ running: 2, queued: 1 });

      const cancelled = await call("POST", `/v1/runs/${one}/cancel`);
      expect(cancelled.body).toMatchObject({ run_id: one, status: "CANCELLED", message: null });
      expect(await finished(third)).toMatchObject({ status: "COMPLETED" });
      const batch = await call("POST", "/v1/runs/batch/cancel", { run_ids: [two, third, "run_none"] });
      expect(batch.body).toMatchObject({
        results: [{ status: "CANCELLED" }, { status: "COMPLETED", cancelled_at: null }],
        not_found: ["run_none"],
      });
      expect(standIn.stats().peakRunning).toBe(2);
    } finally {
      silent.close();
    }
  });

  it("do not cancel a synchronous run", async () => {
    const silent = await startSilentSite();
    try {
      const { call } = await start();
      const running = call("POST", "/v1/automation/run", { url: silent.url, goal: "sync" });
      let list = await call("GET", "/v1/runs");
      while (list.body.data.length === 0) list = await call("GET", "/v1/runs");
      const { status } = await call("POST", `/v1/runs/${list.body.data[0].run_id}/cancel`);
      expect(status).toBe(400);
      silent.close();
      expect((await running).body.status).toBe("FAILED");
    } finally {
      silent.close();
    }
  });

  it("create a batch whole or not at all", async () => {
    const { call, page, finished, standIn } = await start();
    const good = { url: page, goal: "x" };
    expect(
      (await call("POST", "/v1/automation/run-batch", { runs: [good, { url: "nowhere", goal: "x" }] })).status,
    ).toBe(400);
    expect(standIn.stats().runsCreated).toBe(0);
    const { body } = await call("POST", "/v1/automation/run-batch", {
      runs: [good, good],
      output_schema: listingsSchema,
    });
    expect(body.run_ids).toHaveLength(2);
    for (const id of body.run_ids) await finished(id);
    const many = await call("POST", "/v1/runs/batch", { run_ids: [...body.run_ids, "run_none"] });
    expect(many.body.data.map((run: Json) => run.result.listings.length)).toEqual([20, 20]);
    expect(many.body.not_found).toEqual(["run_none"]);
  });

  it("list by goal, status and page", async () => {
    const { call, page, finished } = await start();
    for (const goal of ["one [ref:abc]", "two", "three"])
      await finished((await call("POST", "/v1/automation/run-async", { url: page, goal })).body.run_id);
    const byGoal = await call("GET", "/v1/runs?goal=REF:ABC");
    expect(byGoal.body.data).toHaveLength(1);
    expect(byGoal.body.data[0]).not.toHaveProperty("steps");
    const first = await call("GET", "/v1/runs?limit=2&sort_direction=asc&status=COMPLETED");
    expect(first.body.pagination).toMatchObject({ total: 3, has_more: true });
    const second = await call("GET", `/v1/runs?limit=2&sort_direction=asc&cursor=${first.body.pagination.next_cursor}`);
    expect([...first.body.data, ...second.body.data].map((run: Json) => run.goal)).toEqual([
      "one [ref:abc]",
      "two",
      "three",
    ]);
    expect((await call("GET", "/v1/runs?limit=101")).body.error.code).toBe("INVALID_INPUT");
    expect((await call("GET", "/v1/runs/run_none")).body.error.code).toBe("NOT_FOUND");
  });

  it("stop a run at max_steps, and pay from the wallet until it is empty", async () => {
    const { call, page, standIn } = await start({ walletUsd: 0.064 });
    const short = await call("POST", "/v1/automation/run", { url: page, goal: "x", agent_config: { max_steps: 1 } });
    expect(short.body.error).toMatchObject({ code: "MAX_STEPS_EXCEEDED", category: "AGENT_FAILURE" });
    expect((await call("GET", "/v1/wallet")).body).toMatchObject({ available_balance: "0.05", currency: "USD" });
    expect((await call("POST", "/v1/automation/run", { url: page, goal: "x" })).status).toBe(200);
    expect(standIn.stats()).toMatchObject({ stepsPaid: 4, walletUsd: 0 });
    const refused = await call("POST", "/v1/automation/run-async", { url: page, goal: "x" });
    expect([refused.status, refused.body.error.code]).toEqual([403, "INSUFFICIENT_CREDITS"]);
  });

  it("fail a run with BILLING_FAILURE when the money ends half way", async () => {
    const { call, page } = await start({ walletUsd: 0.04 });
    const { body } = await call("POST", "/v1/automation/run", { url: page, goal: "x" });
    expect(body.error).toMatchObject({ code: "INSUFFICIENT_CREDITS", category: "BILLING_FAILURE" });
    expect(body.num_of_steps).toBe(2);
  });
});

describe("the event stream", () => {
  async function events(url: string, key: string, body: object) {
    const response = await fetch(`${url}/v1/automation/run-sse`, {
      method: "POST",
      headers: { "x-api-key": key },
      body: JSON.stringify(body),
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    return (await response.text())
      .split("\n\n")
      .filter((part) => part !== "")
      .map((part) => JSON.parse(part.replace(/^data: /, "")));
  }

  it("tells STARTED, PROGRESS for each step, COMPLETE with the result", async () => {
    const { url, page, standIn } = await start();
    const told = await events(url, standIn.env.TINYFISH_API_KEY, {
      url: page,
      goal: "x",
      output_schema: listingsSchema,
    });
    expect(told.map((event) => event.type)).toEqual(["STARTED", "PROGRESS", "PROGRESS", "PROGRESS", "COMPLETE"]);
    expect(told.at(-1)).toMatchObject({ status: "COMPLETED", error: null });
    expect(told.at(-1).result.listings).toHaveLength(20);
  });

  it("gives a failure's reason as a string on COMPLETE", async () => {
    const { url, siteUrl, standIn } = await start();
    const told = await events(url, standIn.env.TINYFISH_API_KEY, { url: `${siteUrl}/nothing`, goal: "x" });
    expect(told.at(-1)).toMatchObject({ type: "COMPLETE", status: "FAILED", error: expect.stringContaining("404") });
    expect(told.at(-1).help_url).toMatch(/^https:/);
  });

  it("beats its heart while nothing happens", async () => {
    const silent = await startSilentSite();
    const clock = new ManualClock();
    try {
      const { url, standIn } = await start({ clock, heartbeatMs: 5000 });
      const response = await fetch(`${url}/v1/automation/run-sse`, {
        method: "POST",
        headers: { "x-api-key": standIn.env.TINYFISH_API_KEY },
        body: JSON.stringify({ url: silent.url, goal: "x" }),
      });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      let told = "";
      while (!told.includes("PROGRESS")) told += (await reader.read()).value;
      await clock.advance(5000);
      while (!told.includes("HEARTBEAT")) told += (await reader.read()).value;
      await reader.cancel();
    } finally {
      silent.close();
    }
  });
});

describe("search and fetch", () => {
  it("finds the houses that fit the words, on pages", async () => {
    const { call, siteUrl } = await start();
    const [house] = await sampleHouses(1);
    const { body } = await call("GET", `/v1/search?query=older%20house%20${house!.zipcode}`);
    expect(body.results[0].title).toContain(house!.zipcode);
    expect(body.results[0].url).toContain(`${siteUrl}/listings/kc-`);
    expect(body.results.map((result: Json) => result.position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const second = await call("GET", "/v1/search?query=house&page=1");
    expect(second.body.results[0].position).toBe(11);
    expect((await call("GET", "/v1/search?query=zzzzqqq")).body).toMatchObject({ results: [], total_results: 0 });
    expect((await call("GET", "/v1/search")).status).toBe(400);
  });

  it("gives pages as markdown, HTML and a tree, and an error for each that cannot be had", async () => {
    const { call, siteUrl } = await start();
    const [house] = await sampleHouses(1);
    const good = `${siteUrl}${house!.url}`;
    const urls = [good, `${siteUrl}/nothing`, "https://example.com/", "mailto:a@b.c"];
    const { body } = await call("POST", "/v1/fetch", { urls, links: true });
    expect(body.results).toHaveLength(1);
    expect(body.results[0]).toMatchObject({ url: good, title: house!.title, language: "en", format: "markdown" });
    expect(body.results[0].text).toContain(`# ${house!.title}`);
    expect(body.results[0].text).toContain(house!.description);
    expect(body.errors).toEqual([
      { url: urls[1], error: "page_not_found", status: 404 },
      { url: urls[2], error: "target_unreachable" },
      { url: urls[3], error: "invalid_url" },
    ]);
    const asHtml = await call("POST", "/v1/fetch", { urls: [good], format: "html" });
    expect(asHtml.body.results[0].text).toMatch(/^<!doctype html>/);
    const asTree = await call("POST", "/v1/fetch", { urls: [good], format: "json" });
    expect(asTree.body.results[0].text.tag).toBe("body");
    expect((await call("POST", "/v1/fetch", { urls: Array(11).fill(good) })).status).toBe(400);
  });
});

describe("the listing site", () => {
  it("shows every house once over its pages, also within one zip code", async () => {
    const { siteUrl } = await start({ pageSize: 10 });
    const houses = await sampleHouses(45);
    const keysOn = async (query: string) => {
      const response = await fetch(`${siteUrl}/listings?${query}`);
      return [...(await response.text()).matchAll(/id="(kc-[^"]+)"/g)].map((match) => match[1]);
    };
    const pages = await Promise.all([1, 2, 3, 4, 5].map((page) => keysOn(`page=${page}`)));
    expect(pages.flat()).toEqual(houses.map((house) => house.sourceKey));
    const { zipcode } = houses[0]!;
    expect(await keysOn(`zip=${zipcode}`)).toEqual(
      houses
        .filter((house) => house.zipcode === zipcode)
        .map((house) => house.sourceKey)
        .slice(0, 10),
    );
    expect((await fetch(`${siteUrl}/listings?page=6`)).status).toBe(404);
  });

  it("escapes what a listing says", async () => {
    const [house] = await sampleHouses(1);
    const { siteUrl, call } = await start({ houses: [{ ...house!, title: `<script>alert("x")</script> & 'y'` }] });
    const markup = await (await fetch(`${siteUrl}/listings`)).text();
    expect(markup).not.toContain("<script>");
    const { body } = await call("POST", "/v1/automation/run", {
      url: siteUrl,
      goal: "x",
      output_schema: listingsSchema,
    });
    expect(body.result.listings[0].Title).toBe(`<script>alert("x")</script> & 'y'`);
  });

  it("is not hit by the API's faults, and its requests are not counted as the API's", async () => {
    const faults = new FaultPlan();
    const { siteUrl } = await start({ faults });
    faults.inject("tinyfish", { kind: "status", status: 503 });
    expect((await fetch(`${siteUrl}/listings`)).status).toBe(200);
    expect(faults.requests("tinyfish")).toBe(0);
  });
});

describe("oddities", () => {
  it("are switched on one by one", async () => {
    const { call, page, standIn } = await start();
    standIn.quirks.betaGates = true;
    const gated = await call("POST", "/v1/automation/run-async", {
      url: page,
      goal: "x",
      output_schema: listingsSchema,
    });
    expect([gated.status, gated.body.error.code]).toEqual([403, "FORBIDDEN"]);
    standIn.quirks.legacyAccount = true;
    expect((await call("GET", "/v1/wallet")).status).toBe(404);
    standIn.quirks.omitNulls = true;
    standIn.quirks.camelCase = true;
    const { body } = await call("POST", "/v1/automation/run-async", { url: page, goal: "x" });
    expect(body).toEqual({ runId: expect.stringMatching(/^run_/) });
  });
});

describe("webhooks", () => {
  it("are tried again after 5xx on the service's waits, and stop at the first answer below", async () => {
    const clock = new ManualClock();
    const statuses = [503, 500, 200];
    const bodies: Json[] = [];
    const hook = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request
        .on("data", (chunk: Buffer) => chunks.push(chunk))
        .on("end", () => {
          bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
          response.writeHead(statuses[bodies.length - 1] ?? 200).end();
        });
    });
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
    try {
      const { call, page } = await start({ clock });
      const webhook_url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
      const { body } = await call("POST", "/v1/automation/run", { url: page, goal: "x", webhook_url });
      for (const count of [1, 2, 3]) while (bodies.length < count) await pump(clock);
      expect(bodies[2]).toMatchObject({ event: "run.completed", run_id: body.run_id, data: { steps: [{}, {}, {}] } });
      expect(clock.now()).toBeGreaterThanOrEqual(3000);
    } finally {
      hook.closeAllConnections();
      hook.close();
    }
  });

  /** Real sockets beside a manual clock: give them a turn, then some time. */
  async function pump(clock: ManualClock) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await clock.advance(20);
  }
});

it("names the port when it is taken, and leaves nothing open", async () => {
  const { standIn } = await start();
  const port = Number(new URL(standIn.url).port);
  await expect(startTinyFishStandIn({ port, houses: [] })).rejects.toThrow(`port ${port} is taken`);
});
