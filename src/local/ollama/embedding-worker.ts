/**
 * The embedding model in a thread of its own: a batch keeps it busy for many milliseconds, in which the servers of the
 * stack must go on answering. Runs as it is from the sources (Node strips the types) and as dist/embedding-worker.js.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { EmbeddingJob, EmbeddingResult } from "./english-embedder.ts";
import { SentenceEncoder } from "./sentence-encoder/encoder.ts";

const port = parentPort!;
const encoder = SentenceEncoder.load(workerData as string);

port.on("message", ({ texts }: EmbeddingJob) => {
  encoder
    .then((ready) => ready.encode(texts))
    .then(
      (vectors) => port.postMessage({ vectors } satisfies EmbeddingResult, [vectors.buffer]),
      (error: unknown) => port.postMessage({ error: String(error) } satisfies EmbeddingResult),
    );
});
