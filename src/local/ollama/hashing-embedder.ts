import { type Embedder, normalize } from "./embedder.ts";

const DIMENSIONS = 512;
/** A shared word says more than a shared piece of one; the pieces catch plurals and typing errors. */
const WORD_WEIGHT = 1;
const PIECE_WEIGHT = 0.35;
const PIECE_LENGTHS = [3, 4, 5];

/**
 * Vectors without a model: words and their character n-grams, hashed with a sign into a fixed number of dimensions
 * (Weinberger et al. 2009, the hashing trick). Texts that share words are near each other; meaning is not understood.
 */
export function hashingEmbedder(): Embedder {
  return {
    kind: "hashing",
    dimensions: DIMENSIONS,
    warm: async () => undefined,
    embed: async (texts) => texts.map(hashText),
    close: async () => undefined,
  };
}

/** @returns a vector of unit length, the same for the same text always */
export function hashText(text: string): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0);
  const add = (feature: string, weight: number) => {
    const hash = fnv1a(feature);
    vector[hash % DIMENSIONS]! += hash & 0x8000_0000 ? -weight : weight;
  };
  add("", 0.01); // so that a text without words has a direction too
  for (const word of text
    .toLowerCase()
    .normalize("NFKC")
    .match(/[\p{L}\p{N}]+/gu) ?? []) {
    add(`w:${word}`, WORD_WEIGHT);
    const framed = `<${word}>`;
    for (const length of PIECE_LENGTHS)
      for (let at = 0; at + length <= framed.length; at += 1) add(framed.slice(at, at + length), PIECE_WEIGHT);
  }
  return normalize(vector);
}

/** 32-bit FNV-1a over UTF-16 units, with a final mix so that the low bits depend on all of the text. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
