import { type CallOptions, type Embedder } from "./ports.ts";
import { type Redelivery } from "./redelivery.ts";
import { type ListingRepository, type PendingEmbedding } from "./repository.ts";

/** Texts per call of the model: batches cost a third of single texts, and larger ones gain little. */
const BATCH_SIZE = 32;
/** Calls side by side: the model works while the other's vectors are stored, or while the other waits out a failure. */
const LANES = 2;

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
  /** Lanes at work. */
  #lanes = 0;
  #resting: Promise<void> | undefined;
  #rested: () => void = () => undefined;
  #wakes = 0;
  /** Of this pass, which is from the start of its first lane to the end of its last one. */
  #failure: { readonly error: unknown } | undefined;
  /** What a lane has taken and not stored yet, by id. */
  readonly #taken = new Set<string>();
  /** Lanes look one after the other, so that no two take the same. */
  #look: Promise<unknown> = Promise.resolve();

  constructor(deps: EmbeddingQueueDeps) {
    this.#deps = deps;
  }

  /** Has what was stored embedded, by one lane more than are at work. Never rejects: {@link drain} tells of a failure. */
  wake(): void {
    this.#wakes += 1;
    if (this.#lanes === 0) {
      this.#failure = undefined;
      this.#resting = new Promise((resolve) => (this.#rested = resolve));
    }
    this.#startLane();
  }

  /** Waits until no lane is at work; whether one failed is {@link drain}'s to tell. */
  async rest(): Promise<void> {
    while (this.#lanes > 0) await this.#resting;
  }

  /** @throws whatever ended the last pass early; what an earlier pass failed at is done by the last one */
  async drain(): Promise<void> {
    await this.rest();
    this.wake();
    await this.rest();
    if (this.#failure) throw this.#failure.error;
  }

  #startLane(): void {
    if (this.#lanes === LANES || this.#failure) return;
    this.#lanes += 1;
    void this.#work();
  }

  /** Until the table has no whole batch any more, and nobody woke the queue since it was asked. */
  async #work(): Promise<void> {
    try {
      for (let more = true; more && !this.#failure;) {
        const wakes = this.#wakes;
        more = (await this.#embedBatch()) === BATCH_SIZE || this.#wakes > wakes;
      }
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#lanes -= 1;
    if (this.#lanes === 0) this.#rested();
  }

  async #embedBatch(): Promise<number> {
    const { repository, embedder, redelivery, call = {}, onEmbedded } = this.#deps;
    const step = <T>(act: () => Promise<T>) => redelivery.run(act, call.signal);
    const model = embedder.embedModel;
    const batch = await this.#take((limit) => step(() => repository.pendingEmbeddings(model, limit, call)));
    if (batch.length === 0) return 0;
    // Where a whole batch was, there may be another.
    if (batch.length === BATCH_SIZE) this.#startLane();
    try {
      const texts = batch.map(({ text }) => text);
      const vectors = await step(() => embedder.embed(texts, call));
      const embeddings = batch.map(({ id, contentHash }, index) => ({ id, contentHash, vector: vectors[index]! }));
      onEmbedded?.(await step(() => repository.storeEmbeddings(model, embeddings, call)));
    } finally {
      for (const { id } of batch) this.#taken.delete(id);
    }
    return batch.length;
  }

  /** A batch that no other lane has; what the others have comes first in the table's order. */
  #take(pending: (limit: number) => Promise<PendingEmbedding[]>): Promise<PendingEmbedding[]> {
    const taken = this.#look.then(async () => {
      // As of now: what another lane stores while the table answers is still in the answer.
      const others = new Set(this.#taken);
      const found = await pending(BATCH_SIZE + others.size);
      const batch = found.filter(({ id }) => !others.has(id)).slice(0, BATCH_SIZE);
      for (const { id } of batch) this.#taken.add(id);
      return batch;
    });
    this.#look = taken.catch(() => undefined);
    return taken;
  }
}
