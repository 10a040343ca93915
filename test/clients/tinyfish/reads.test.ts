import { describe, expect, it } from "vitest";
import { startClient } from "./harness.ts";

describe("runs", () => {
  it("are started, read, listed and cancelled by their id", async () => {
    const { client, page } = await startClient();
    const { runId } = await client.start({ url: page, goal: "Count the houses" });
    const run = await client.runs.wait(runId);
    expect(run).toMatchObject({ runId, status: "COMPLETED", numberOfSteps: 3 });
    expect(run.steps.map((step) => step.action)).toHaveLength(3);
    expect(await client.runs.get(runId)).toEqual(run);
    const { runs, total, nextCursor } = await client.runs.list({ goal: "COUNT THE", status: "COMPLETED", limit: 5 });
    expect([runs.map((each) => each.runId), total, nextCursor]).toEqual([[runId], 1, null]);
    expect(await client.runs.cancel(runId)).toMatchObject({ runId, status: "COMPLETED", cancelledAt: null });
    await expect(client.runs.get("run_none")).rejects.toMatchObject({
      code: "NOT_FOUND",
      status: 404,
      service: "tinyfish",
      operation: "getRun",
    });
  });
});

describe("search", () => {
  it("gives typed results, page by page", async () => {
    const { client, standIn } = await startClient();
    const first = await client.search({ query: "older house" });
    const second = await client.search({ query: "older house", page: 1 });
    expect(first).toMatchObject({ query: "older house", page: 0, totalResults: expect.any(Number) });
    expect(first.results[0]).toMatchObject({
      position: 1,
      title: expect.any(String),
      url: expect.stringContaining(standIn.siteUrl),
    });
    expect(second.results[0]!.position).toBe(11);
    await expect(client.search({ query: " " })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});

describe("fetch", () => {
  it("takes any number of URLs, ten at a time, and tells of each that failed", async () => {
    const { client, page, faults, standIn } = await startClient({}, { pageSize: 2 });
    const urls = Array.from({ length: 25 }, (_, index) => `${page}?page=${index + 1}`);
    const { pages, errors } = await client.fetch({ urls, links: true });
    expect(faults.requests("tinyfish")).toBe(3);
    expect(pages.map((each) => each.url)).toEqual(urls.slice(0, 23));
    expect(errors).toEqual(urls.slice(23).map((url) => ({ url, error: "page_not_found", status: 404 })));
    expect(pages[0]).toMatchObject({ title: "Houses in King County", language: "en", author: null, imageLinks: [] });
    expect(pages[0]!.links[0]).toMatch(`${standIn.siteUrl}/listings/kc-`);
  });

  it("counts a request that failed against its own pages only", async () => {
    const { client, page, faults } = await startClient({}, { pageSize: 2 });
    const urls = Array.from({ length: 12 }, (_, index) => `${page}?page=${index + 1}`);
    faults.inject("tinyfish", { kind: "status", status: 503 });
    const { pages, errors } = await client.fetch({ urls });
    expect(pages.map((each) => each.url)).toEqual(urls.slice(10));
    expect(errors).toEqual(urls.slice(0, 10).map((url) => ({ url, error: "request_failed", status: 503 })));
    faults.inject("tinyfish", { kind: "status", status: 503 }, { times: 2 });
    await expect(client.fetch({ urls })).rejects.toMatchObject({ status: 503 });
  });

  it("reads pages whose unknown facts are left out", async () => {
    const { client, page, standIn } = await startClient();
    standIn.quirks.omitNulls = true;
    const { pages } = await client.fetch({ urls: [page], format: "html" });
    expect(pages[0]).toMatchObject({ author: null, publishedDate: null, format: "html" });
  });

  it("refuses other schemes and no URLs at all before anything is sent", async () => {
    const { client, faults } = await startClient();
    await expect(client.fetch({ urls: ["file:///etc/passwd", "nowhere"] })).rejects.toThrow(/urls\[0\].*urls\[1\]/);
    await expect(client.fetch({ urls: [] })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(faults.requests("tinyfish")).toBe(0);
  });
});

describe("wallet and health", () => {
  it("tell the money and the price of a step", async () => {
    const { client, page } = await startClient({}, { walletUsd: 1 });
    await client.run({ url: page, goal: "x" });
    expect(await client.wallet()).toMatchObject({ availableUsd: 0.95, currency: "USD", usdPerStep: 0.016 });
  });

  it("know accounts without a wallet", async () => {
    const { client, standIn } = await startClient();
    standIn.quirks.legacyAccount = true;
    expect(await client.wallet()).toBeUndefined();
    expect(await client.health()).toMatchObject({ status: "up" });
  });

  it("tell an empty wallet, a service that fails, and a wish to stop", async () => {
    const { client, faults } = await startClient({}, { walletUsd: 0 });
    expect(await client.health()).toMatchObject({ status: "degraded", detail: "the wallet is empty" });
    faults.inject("tinyfish", { kind: "status", status: 503 });
    expect(await client.health()).toMatchObject({ status: "down", detail: expect.stringContaining("503") });
    expect(await client.health(AbortSignal.abort())).toMatchObject({ status: "down" });
  });
});
