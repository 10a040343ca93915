import { type Clock } from "../core/index.ts";
import { type CallOptions, type Embedder } from "./ports.ts";
import { redeliver } from "./redelivery.ts";
import { type ListingRepository } from "./repository.ts";

/** Texts per call of the model: batches cost a third of single texts, and larger ones gain little. */
const BATCH_SIZE = 64;

/**
 * Embeds whatever the database says is not embedded yet. The table is the queue: nothing is kept in memory, so nothing
 * is lost with it. {@link wake} says that rows were stored; {@link drain} waits until none is left.
 */
export class EmbeddingQueue {
  readonly #repository: ListingRepository;
  readonly #embedder: Embedder;
  readonly #clock: Clock;
  readonly #options: CallOptions & { readonly onEmbedded?: (count: number) => void };
  #pass: Promise<void> | undefined;
  #again = false;
  #failures: unknown[] = [];

  constructor(
    repository: ListingRepository,
    embedder: Embedder,
    clock: Clock,
    options: CallOptions & { readonly onEmbedded?: (count: number) => void } = {},
  ) {
    this.#repository = repository;
    this.#embedder = embedder;
    this.#clock = clock;
    this.#options = options;
  }

  /** Starts a pass, or makes the running one go round once more. Never rejects: {@link drain} tells of a failure. */
  wake(): void {
    this.#again = true;
    this.#pass ??= this.#run()
      .catch((error: unknown) => void this.#failures.push(error))
      .finally(() => (this.#pass = undefined));
  }

  /** @throws whatever ended the last pass early */
  async drain(): Promise<void> {
    await this.#pass;
    this.#failures = [];
    this.wake();
    await this.#pass;
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      while ((await this.#embedBatch()) === BATCH_SIZE);
    }
  }

  async #embedBatch(): Promise<number> {
    const { signal, onEmbedded } = this.#options;
    const call: CallOptions = signal ? { signal } : {};
    const step = <T>(act: () => Promise<T>) => redeliver(act, this.#clock, signal);
    const model = this.#embedder.embedModel;
    const pending = await step(() => this.#repository.pendingEmbeddings(model, BATCH_SIZE, call));
    if (pending.length === 0) return 0;
    const texts = pending.map(({ text }) => text);
    const vectors = await step(() => this.#embedder.embed(texts, call));
    const embeddings = pending.map(({ id, contentHash }, index) => ({ id, contentHash, vector: vectors[index]! }));
    onEmbedded?.(await step(() => this.#repository.storeEmbeddings(model, embeddings, call)));
    return pending.length;
  }
}
