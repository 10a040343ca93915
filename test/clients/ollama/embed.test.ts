import { describe, expect, it, vi } from "vitest";
import { type FetchLike } from "../../../src/core/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { recordingFetch, setUp } from "./set-up.ts";

/** Answers the probe, and embeds as told. */
const serving =
  (embed: (texts: string[]) => unknown): FetchLike =>
  async (input, init) =>
    new URL(input).pathname === "/api/version"
      ? Response.json({ version: "1" })
      : Response.json(embed((JSON.parse(init!.body as string) as { input: string[] }).input));

describe("embed", () => {
  it.each([false, true])("keeps the order over batches (only /v1: %s)", async (openAiOnly) => {
    const recorder = recordingFetch();
    const { client } = await setUp({ embedBatchSize: 3, fetch: recorder.fetch }, { openAiOnly });
    const texts = Array.from({ length: 10 }, (_, at) => `text number ${at}`);
    const together = await client.embed(texts);
    const sizes = recorder
      .to(openAiOnly ? "/v1/embeddings" : "/api/embed")
      .map(({ body }) => (body["input"] as string[]).length);
    expect(sizes).toEqual([3, 3, 3, 1]);
    const { client: fresh } = await setUp({}, { openAiOnly });
    for (const [at, text] of texts.entries()) expect(await fresh.embed([text])).toEqual([together[at]]);
  });

  it("asks nobody for no texts", async () => {
    const { client, standIn } = await setUp();
    expect(await client.embed([])).toEqual([]);
    expect(standIn.stats().requests).toBe(0);
  });

  it("refuses an empty text and names its index", async () => {
    const { client, standIn } = await setUp();
    await expect(client.embed(["a", " "])).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("text 1 is empty"),
    });
    expect(standIn.stats().requests).toBe(0);
  });

  it("asks once for equal texts, in one call and in calls at the same time", async () => {
    const { client, standIn } = await setUp();
    const [one, two] = await Promise.all([client.embed(["a", "b", "a"]), client.embed(["b", "c"])]);
    expect(one[0]).toEqual(one[2]);
    expect(one[1]).toEqual(two[0]);
    expect(standIn.stats().embeddedTexts).toBe(3);
  });

  it("remembers vectors for the time told, apart for each model and length, and forgets", async () => {
    const clock = new ManualClock();
    const { client, standIn } = await setUp({ clock, embeddingCacheTtlSeconds: 60 });
    const asked = async (...args: Parameters<typeof client.embed>) => {
      const before = standIn.stats().embeddedTexts;
      await client.embed(...args);
      return standIn.stats().embeddedTexts - before;
    };
    expect(await asked(["a"])).toBe(1);
    expect(await asked(["a"])).toBe(0);
    expect(await asked(["a"], { dimensions: 64 })).toBe(1);
    expect(await asked(["a"], { model: "hashing-512:latest" })).toBe(1);
    await clock.advance(60_001);
    expect(await asked(["a"])).toBe(1);
  });

  it("remembers no more than it may, and nothing with a TTL of 0", async () => {
    const { client, standIn } = await setUp({ embeddingCacheMaxEntries: 2 });
    for (const text of ["a", "b", "c", "a"]) await client.embed([text]);
    expect(standIn.stats().embeddedTexts).toBe(4);
    const { client: forgetful, standIn: other } = await setUp({ embeddingCacheTtlSeconds: 0 });
    for (const text of ["a", "a"]) await forgetful.embed([text]);
    expect(other.stats().embeddedTexts).toBe(2);
  });

  it("gives each caller vectors of its own", async () => {
    const { client } = await setUp();
    const [first] = await client.embed(["a"]);
    const before = [...first!];
    first!.fill(0);
    expect((await client.embed(["a"]))[0]).toEqual(before);
  });

  it("keeps so many requests in flight as told, never more", async () => {
    let now = 0;
    let most = 0;
    const fetch: FetchLike = async (input, init) => {
      const embed = new URL(input).pathname === "/api/embed";
      if (embed) most = Math.max(most, (now += 1));
      const response = await globalThis.fetch(input, init);
      if (embed) now -= 1;
      return response;
    };
    const { client } = await setUp({ fetch, embedBatchSize: 1, maxConcurrentEmbeds: 3 });
    await client.embed(Array.from({ length: 20 }, (_, at) => `text ${at}`));
    expect(most).toBe(3);
  });

  it("lets those who shared a request live on when its owner gives up", async () => {
    const { client, faults } = await setUp();
    await client.models();
    const stall = faults.inject("ollama", { kind: "stall" }, { match: /embed/ });
    const wish = new AbortController();
    const owner = client.embed(["a"], { signal: wish.signal });
    const sharer = client.embed(["a", "b"]);
    await vi.waitFor(() => expect(stall.fired).toBe(1), { timeout: 10_000 });
    wish.abort();
    await expect(owner).rejects.toMatchObject({ code: "ABORTED", operation: "embed" });
    expect(await sharer).toHaveLength(2);
  });

  it("does not ask again for everybody when the service fails", async () => {
    const { client, faults, standIn } = await setUp();
    await client.models();
    faults.inject("ollama", { kind: "status", status: 500 }, { match: /embed/, times: 100 });
    const before = standIn.stats().requests;
    const calls = Array.from({ length: 5 }, () => client.embed(["a"]));
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(Array(5).fill("rejected"));
    expect(standIn.stats().requests - before).toBe(1);
  });

  it.each([
    ["a vector is missing", () => ({ embeddings: [[1, 2]] }), /1 vectors for 2 texts/],
    ["there is none", () => ({}), /0 vectors for 2 texts/],
    [
      "a number is not finite",
      () => ({
        embeddings: [
          [1, 2],
          [1, null],
        ],
      }),
      /not a list of finite numbers/,
    ],
    ["lengths differ", () => ({ embeddings: [[1, 2], [1]] }), /1 dimensions, the first has 2/],
  ])("fails when %s", async (_what, embed, words) => {
    const { client } = await setUp({ fetch: serving(embed) });
    await expect(client.embed(["a", "b"])).rejects.toMatchObject({
      code: "INVALID_OUTPUT",
      message: expect.stringMatching(words),
    });
  });

  it("fails when a model changes its mind about its dimensions", async () => {
    let length = 3;
    const { client } = await setUp({
      fetch: serving((texts) => ({ embeddings: texts.map(() => Array(length).fill(1)) })),
    });
    await client.embed(["a"]);
    length = 4;
    await expect(client.embed(["b"])).rejects.toMatchObject({
      code: "INVALID_OUTPUT",
      details: { kind: "dimension_mismatch" },
      message: expect.stringContaining("4 dimensions, before it were 3"),
    });
  });
});
