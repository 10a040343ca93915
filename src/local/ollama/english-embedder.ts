import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { type Embedder } from "./embedder.ts";

export const ENGLISH_DIMENSIONS = 512;
/** Texts given to the worker at once: whoever comes meanwhile waits for at most so many, and goes with the next. */
const MAX_JOB = 128;

/** What the worker is asked and answers. One job at a time, so none needs a number. */
export interface EmbeddingJob {
  readonly texts: readonly string[];
}
export type EmbeddingResult = { readonly vectors: Float32Array } | { readonly error: string };

interface Waiting {
  readonly text: string;
  readonly resolve: (vector: number[]) => void;
  readonly reject: (error: unknown) => void;
}

/** True if the optional packages of the English model are there; loads none of them. */
export function englishModelInstalled(): boolean {
  const { resolve } = createRequire(import.meta.url);
  try {
    for (const part of ["core", "embeddings", "model-embeddings-en"]) resolve(`@energetic-ai/${part}`);
    return true;
  } catch {
    return false;
  }
}

/**
 * The Universal Sentence Encoder (lite, English) in a worker thread: 512 dimensions, unit length, offline. What waits
 * while the worker is busy is handed over as one job, because batches cost a third of single texts.
 */
export class EnglishEmbedder implements Embedder {
  readonly kind = "english";
  readonly dimensions = ENGLISH_DIMENSIONS;
  #worker: Worker | undefined;
  #waiting: Waiting[] = [];
  #running: Waiting[] = [];
  #closed = false;

  async warm(): Promise<void> {
    await this.embed(["warm"]);
  }

  async embed(texts: readonly string[], signal?: AbortSignal): Promise<number[][]> {
    if (this.#closed) throw new Error("the embedding model was closed");
    signal?.throwIfAborted();
    const mine = new Set<Waiting>();
    const vectors = texts.map(
      (text) => new Promise<number[]>((resolve, reject) => mine.add({ text, resolve, reject })),
    );
    this.#waiting.push(...mine);
    this.#next();
    // Who went away and asks again must not wait for his own first question.
    const leave = () => {
      this.#waiting = this.#waiting.filter((each) => !mine.has(each));
      for (const { reject } of mine) reject(signal?.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
    return Promise.all(vectors).finally(() => signal?.removeEventListener("abort", leave));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#fail(new Error("the embedding model was closed"));
    await worker?.terminate();
  }

  #next(): void {
    if (this.#running.length > 0 || this.#waiting.length === 0) return;
    this.#running = this.#waiting.splice(0, MAX_JOB);
    this.#worker ??= this.#start();
    this.#worker.postMessage({ texts: this.#running.map(({ text }) => text) } satisfies EmbeddingJob);
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./embedding-worker.${extension}`, import.meta.url));
    const mine = (error: Error) => {
      if (this.#worker === worker) this.#fail(error);
    };
    worker.on("message", (result: EmbeddingResult) => this.#settle(result));
    worker.on("error", (error) => mine(new Error("the embedding worker failed", { cause: error })));
    worker.on("exit", (code) => mine(new Error(`the embedding worker ended with code ${code}`)));
    return worker;
  }

  #settle(result: EmbeddingResult): void {
    const done = this.#running;
    this.#running = [];
    if ("error" in result) for (const { reject } of done) reject(new Error(result.error));
    else
      done.forEach(({ resolve }, at) =>
        resolve(Array.from(result.vectors.subarray(at * ENGLISH_DIMENSIONS, (at + 1) * ENGLISH_DIMENSIONS))),
      );
    this.#next();
  }

  /** A worker that died takes its callers with it; the next call starts another. */
  #fail(error: Error): void {
    const lost = [...this.#running, ...this.#waiting];
    this.#running = [];
    this.#waiting = [];
    this.#worker = undefined;
    for (const { reject } of lost) reject(error);
  }
}
