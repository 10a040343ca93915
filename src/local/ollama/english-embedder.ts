import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { type Embedder } from "./embedder.ts";
import { ModelThread } from "./model-thread.ts";

export const ENGLISH_DIMENSIONS = 512;
/** Texts given to a thread at once: whoever comes meanwhile waits for at most so many, and goes with the next. */
const MAX_JOB = 128;
/** As many texts must wait before another thread is worth the second that its start takes, and its copy of the model. */
const WORTH_A_THREAD = 32;
const MAX_THREADS = Math.min(2, availableParallelism());

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
 * The Universal Sentence Encoder (lite, English) in worker threads: 512 dimensions, unit length, offline. What waits
 * while all are busy is handed over as one job, because batches cost a third of single texts.
 */
export class EnglishEmbedder implements Embedder {
  readonly kind = "english";
  readonly dimensions = ENGLISH_DIMENSIONS;
  #threads: ModelThread[] = [];
  #waiting: Waiting[] = [];
  #closed = false;

  async warm(): Promise<void> {
    await this.embed(["warm"]);
  }

  async embed(texts: readonly string[], signal?: AbortSignal): Promise<number[][]> {
    if (this.#closed) throw closed();
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
    for (const { reject } of this.#waiting.splice(0)) reject(closed());
    await Promise.all(this.#threads.splice(0).map((thread) => thread.end(closed())));
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freeThread();
      if (!thread) return;
      void this.#run(thread, this.#waiting.splice(0, MAX_JOB));
    }
  }

  /** A thread that died is replaced. */
  #freeThread(): ModelThread | undefined {
    this.#threads = this.#threads.filter(({ isDead }) => !isDead);
    const free = this.#threads.find(({ isBusy }) => !isBusy);
    const { length: running } = this.#threads;
    const wantsAnother = running === 0 || (running < MAX_THREADS && this.#waiting.length >= WORTH_A_THREAD);
    if (free || !wantsAnother) return free;
    const started = new ModelThread();
    this.#threads.push(started);
    return started;
  }

  /** A thread that dies fails its own job alone. */
  async #run(thread: ModelThread, job: readonly Waiting[]): Promise<void> {
    try {
      const vectors = await thread.embed(job.map(({ text }) => text));
      job.forEach(({ resolve }, at) =>
        resolve(Array.from(vectors.subarray(at * ENGLISH_DIMENSIONS, (at + 1) * ENGLISH_DIMENSIONS))),
      );
    } catch (error) {
      for (const { reject } of job) reject(error);
    }
    if (!this.#closed) this.#next();
  }
}

const closed = (): Error => new Error("the embedding model was closed");
