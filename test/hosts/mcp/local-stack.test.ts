import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { registerTools } from "../../../src/hosts/mcp/index.ts";
import { createIntegration, type Integration } from "../../../src/index.ts";
import { type LocalStack, readHouses, sampleDataFile, startLocalStack } from "../../../src/local/index.ts";
import { EventRecorder } from "../../../src/testing/index.ts";
import { type Sdk, sdks, type Session } from "./sdks.ts";

interface Hit {
  readonly id: string;
  readonly title: string;
  readonly price: number;
  readonly score: number;
}

let stack: LocalStack;
let integration: Integration;

beforeAll(async () => {
  const { houses } = await readHouses(sampleDataFile());
  stack = await startLocalStack({ houses: houses.slice(0, 20), pageSize: 10 });
  integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" });
  await integration.neon.migrate();
});
afterAll(async () => {
  await integration?.close();
  await stack?.close();
});

const connect = (sdk: Sdk, tenant?: string) =>
  sdk.connect((server) => registerTools(server, integration, tenant === undefined ? {} : { tenant }));

async function search(session: Session, input: Record<string, unknown> = {}): Promise<readonly Hit[]> {
  const { isError, structured, text } = await session.call("search_listings", input);
  expect([isError, isError && text]).toEqual([false, false]);
  return (structured as { hits: readonly Hit[] }).hits;
}

// In this order: the second generation finds what the first has stored.
describe.each(sdks.map((sdk, index) => ({ ...sdk, index })))("against real services, under $name", (sdk) => {
  it("scrapes a site once, and finds its houses by meaning and by facts", async () => {
    await using session = await connect(sdk);
    const first = await session.call("scrape_listings", {
      url: stack.siteUrl,
      source: `site-${sdk.index}`,
      maxPages: 1,
    });
    expect(first.structured).toEqual({
      ...{ pagesScraped: 1, pagesSkipped: 0, pagesTotal: 1, inserted: 10, updated: 0, unchanged: 0, embedded: 10 },
      rejected: [],
    });
    const again = await session.call("scrape_listings", {
      url: stack.siteUrl,
      source: `site-${sdk.index}`,
      maxPages: 1,
    });
    expect(again.structured).toMatchObject({ inserted: 0, unchanged: 10 });
    const hits = await search(session, { text: "older home with a big lot under 700k", limit: 3 });
    expect(hits).toHaveLength(3);
    for (const hit of hits) {
      expect(hit.price).toBeLessThanOrEqual(700_000);
      expect(hit.score).toBeGreaterThan(0);
    }
  });

  it("never shows a tenant what another one stored, or what belongs to none", async () => {
    const [ada, bob] = [`ada-${sdk.index}`, `ada-${sdk.index}x`];
    await using one = await connect(sdk, ada);
    await using two = await connect(sdk, bob);
    await one.call("scrape_listings", { url: stack.siteUrl, source: "site", maxPages: 1 });
    const wish = { text: "a home with a garden", limit: 50 };
    const own = (await search(one, wish)).map(({ id }) => id);
    expect(own).toHaveLength(10);
    expect(await search(two, wish)).toEqual([]);
    expect(await search(two)).toEqual([]);
    await two.call("scrape_listings", { url: stack.siteUrl, source: "site", maxPages: 1 });
    const theirs = (await search(two, wish)).map(({ id }) => id);
    expect(theirs).toHaveLength(10);
    expect(theirs.filter((id) => own.includes(id))).toEqual([]);
    expect((await search(one, wish)).map(({ id }) => id)).toEqual(own);
    // A tenant cannot name its way out.
    const escape = await one.call("search_listings", { ...wish, source: `${bob}.site` });
    expect(escape.isError).toBe(true);
    const sources = await integration.neon.query<{ source: string }>(
      "select distinct source from listings where source like $1 order by 1",
      [`ada-${sdk.index}%`],
    );
    expect(sources.map(({ source }) => source)).toEqual([`${ada}.site`, `${bob}.site`]);
  });

  it("tells how the services are, and neither where they are nor why", async () => {
    await using session = await connect(sdk);
    const { structured, text } = await session.call("integration_health");
    expect(structured).toMatchObject({ status: "up", checks: { neon: { status: "up", critical: true } } });
    expect(text).not.toMatch(/127\.0\.0\.1|message/);
  });

  it("answers a failing service with an error result, and cancels what the client cancels", async () => {
    using recorder = new EventRecorder(integration.events);
    await using session = await connect(sdk);
    const broken = stack.faults.inject("ollama", { kind: "status", status: 400 }, { match: /embed/ });
    const failed = await session.call("search_listings", { text: `words of ${sdk.name} that nobody asked for yet` });
    expect([broken.fired, failed.isError]).toEqual([1, true]);
    expect(failed.text).toMatch(/^INVALID_INPUT: search_listings failed\. /);

    const stalled = stack.faults.inject("ollama", { kind: "stall" }, { match: /embed/ });
    const cancel = new AbortController();
    const ended = new Promise((resolve) => integration.events.on("tool.finished", resolve));
    const answer = session.call("search_listings", { text: `other words of ${sdk.name}` }, { signal: cancel.signal });
    const settled = expect(answer).rejects.toThrow();
    while (stalled.fired === 0) await new Promise((resolve) => setImmediate(resolve));
    cancel.abort();
    expect(await ended).toMatchObject({ tool: "search_listings", outcome: "error", code: "ABORTED" });
    await settled;
    expect(recorder.of("call.finished").map(({ code }) => code)).toEqual(["INVALID_INPUT", "ABORTED"]);
  });
});
