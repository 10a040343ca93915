import { type CallOptions, type Embedder } from "./ports.ts";
import { type Redelivery } from "./redelivery.ts";
import { type ListingRepository } from "./repository.ts";

/** Texts per call of the model: batches cost a third of single texts, and larger ones gain little. */
const BATCH_SIZE = 64;

export interface EmbeddingQueueDeps {
  readonly repository: Pick<ListingRepository, "pendingEmbeddings" | "storeEmbeddings">;
  readonly embedder: Embedder;
  readonly redelivery: Redelivery;
  readonly call?: CallOptions;
  readonly onEmbedded?: (count: number) => void;
}

/**
 * Embeds whatever the database says is not embedded yet. The table is the queue: nothing is kept in memory, so nothing
 * is lost with it. {@link wake} says that rows were stored; {@link drain} waits until none is left.
 */
export class EmbeddingQueue {
  readonly #deps: EmbeddingQueueDeps;
  #pass: Promise<void> | undefined;
  #again = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: EmbeddingQueueDeps) {
    this.#deps = deps;
  }

  /** Starts a pass, or makes the running one go round once more. Never rejects: {@link drain} tells of a failure. */
  wake(): void {
    this.#again = true;
    this.#pass ??= this.#run()
      .catch((error: unknown) => void (this.#failure = { error }))
      .finally(() => (this.#pass = undefined));
  }

  /** Waits for the pass that runs; whether it failed is {@link drain}'s to tell. */
  async rest(): Promise<void> {
    await this.#pass;
  }

  /** @throws whatever ended the last pass early; what an earlier pass failed at is done by the last one */
  async drain(): Promise<void> {
    await this.rest();
    this.#failure = undefined;
    this.wake();
    await this.rest();
    // Set by the pass, which the type checker cannot see.
    const failure = this.#failure as { readonly error: unknown } | undefined;
    if (failure) throw failure.error;
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      while ((await this.#embedBatch()) === BATCH_SIZE);
    }
  }

  async #embedBatch(): Promise<number> {
    const { repository, embedder, redelivery, call = {}, onEmbedded } = this.#deps;
    const step = <T>(act: () => Promise<T>) => redelivery.run(act, call.signal);
    const model = embedder.embedModel;
    const pending = await step(() => repository.pendingEmbeddings(model, BATCH_SIZE, call));
    if (pending.length === 0) return 0;
    const texts = pending.map(({ text }) => text);
    const vectors = await step(() => embedder.embed(texts, call));
    const embeddings = pending.map(({ id, contentHash }, index) => ({ id, contentHash, vector: vectors[index]! }));
    onEmbedded?.(await step(() => repository.storeEmbeddings(model, embeddings, call)));
    return pending.length;
  }
}
