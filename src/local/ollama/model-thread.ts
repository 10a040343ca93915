import { Worker } from "node:worker_threads";

/** What the thread is asked and answers. One job at a time, so none needs a number. */
export interface EmbeddingJob {
  readonly texts: readonly string[];
}
export type EmbeddingResult = { readonly vectors: Float32Array } | { readonly error: string };

/**
 * Without limits the engine lets a thread's garbage grow with the machine's memory, by some 60 MB. The model itself lies
 * outside this heap, of which a few MB are in use.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 };

interface Job {
  readonly resolve: (vectors: Float32Array) => void;
  readonly reject: (error: Error) => void;
}

/** The model in a thread of its own, one job at a time. */
export class ModelThread {
  readonly #worker: Worker;
  #job: Job | undefined;
  #failure: Error | undefined;

  constructor() {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    this.#worker = new Worker(new URL(`./embedding-worker.${extension}`, import.meta.url), { resourceLimits });
    this.#worker.on("message", (result: EmbeddingResult) => {
      const job = this.#job;
      this.#job = undefined;
      if ("error" in result) job?.reject(new Error(result.error));
      else job?.resolve(result.vectors);
    });
    this.#worker.on("error", (error) => this.#fail(new Error("the embedding worker failed", { cause: error })));
    this.#worker.on("exit", (code) => this.#fail(new Error(`the embedding worker ended with code ${code}`)));
  }

  get isBusy(): boolean {
    return this.#job !== undefined;
  }

  /** It does nothing more. */
  get isDead(): boolean {
    return this.#failure !== undefined;
  }

  /** @returns all vectors one after another */
  embed(texts: readonly string[]): Promise<Float32Array> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#job = { resolve, reject };
      this.#worker.postMessage({ texts } satisfies EmbeddingJob);
    });
  }

  /** Who waits for the job is told `reason`. */
  async end(reason: Error): Promise<void> {
    this.#fail(reason);
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#job?.reject(error);
    this.#job = undefined;
  }
}
