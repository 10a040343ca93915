import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { afterAll, describe, expect, it, vi } from "vitest";
import { batchesByLength } from "../../../src/local/ollama/embedding-batches.ts";
import { EnglishEmbedder } from "../../../src/local/ollama/english-embedder.ts";
import { hashText } from "../../../src/local/ollama/hashing-embedder.ts";
import { type EmbeddingJob } from "../../../src/local/ollama/model-thread.ts";

const dot = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * b[at]!, 0);

describe("The English embedder", () => {
  const embedder = new EnglishEmbedder();
  afterAll(() => embedder.close());

  it("understands that an old house at the shore is an older home near the water", async () => {
    const [query, near, far] = await embedder.embed([
      "older home near the water",
      "A waterfront house from 1926 with a view over the lake.",
      "The quarterly report shows rising software licence costs.",
    ]);
    expect(dot(query!, near!)).toBeGreaterThan(dot(query!, far!) + 0.2);
  });

  it("gives 512 dimensions of unit length for any text, strange ones included", async () => {
    const vectors = await embedder.embed([
      "",
      " ",
      "😀 𝕏",
      "constructor __proto__",
      "\u0000",
      "日本語",
      "a".repeat(3_000),
    ]);
    for (const vector of vectors) {
      expect(vector).toHaveLength(512);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    }
  });

  it("gives the same vector alone as in a mixed batch, and keeps the order", async () => {
    const texts = ["a quiet garden", "word ".repeat(80), "lake", "a modern flat with two rooms close to the station"];
    const together = await embedder.embed(texts);
    for (const [at, text] of texts.entries()) {
      const [alone] = await embedder.embed([text]);
      expect(dot(alone!, together[at]!)).toBeGreaterThan(0.99999);
    }
  });

  it("does nothing more for who has gone: the next one need not wait for it", async () => {
    const posted = vi.spyOn(Worker.prototype, "postMessage");
    const gone = new AbortController();
    const first = embedder.embed(["one"]);
    const left = embedder.embed(["two", "three"], gone.signal);
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    await expect(embedder.embed(["four"], gone.signal)).rejects.toThrow("gone");
    await Promise.all([first, embedder.embed(["five"])]);
    const texts = posted.mock.calls.flatMap(([job]) => (job as EmbeddingJob).texts);
    posted.mockRestore();
    expect(texts).toEqual(["one", "five"]);
  });

  it.skipIf(availableParallelism() < 2)(
    "has a second thread for what waits; one that dies fails its own job alone",
    async () => {
      const other = new EnglishEmbedder();
      const posted = vi.spyOn(Worker.prototype, "postMessage");
      try {
        const texts = Array.from({ length: 32 }, (_, at) => `house ${at}`);
        const first = other.embed(texts);
        const second = other.embed(texts);
        const [thread, ...others] = posted.mock.contexts as Worker[];
        expect(others.filter((each) => each !== thread)).toHaveLength(1);
        const failed = expect(first).rejects.toThrow(/ended with code/);
        await thread!.terminate();
        await failed;
        const [vector] = await second;
        expect(await other.embed(["house 0"])).toEqual([vector!.map((value) => expect.closeTo(value, 5) as number)]);
      } finally {
        posted.mockRestore();
        await other.close();
      }
    },
  );

  it("refuses after close, and fails who was waiting", async () => {
    const other = new EnglishEmbedder();
    const waiting = other.embed(["a"]);
    const refused = expect(waiting).rejects.toThrow(/closed/);
    await other.close();
    await refused;
    await expect(other.embed(["a"])).rejects.toThrow(/closed/);
  });
});

describe("The hashing embedder", () => {
  it("has unit length and repeats itself, for any text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const vector = hashText(text);
        expect(Math.hypot(...vector)).toBeCloseTo(1, 9);
        expect(hashText(text)).toEqual(vector);
      }),
    );
  });

  it("puts texts that share words, or pieces of them, nearer than others", () => {
    const query = hashText("quiet gardens");
    expect(dot(query, hashText("a quiet garden"))).toBeGreaterThan(dot(query, hashText("a busy motorway")) + 0.2);
  });
});

describe("batchesByLength", () => {
  it("takes every text exactly once, and never pads a batch by more than a third", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000), { maxLength: 300 }), (lengths) => {
        const batches = batchesByLength(lengths);
        expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, at) => at));
        for (const batch of batches) {
          const of = batch.map((at) => Math.max(24, lengths[at]!));
          expect(batch.length).toBeLessThanOrEqual(32);
          expect(Math.max(...of)).toBeLessThanOrEqual(Math.min(...of) * 1.3);
        }
      }),
    );
  });
});
