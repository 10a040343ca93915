import { abortedError, IntegrationError, LinkedSignal, raceSignal } from "../../core/index.ts";
import { type EmbeddingCache, embeddingKey } from "./embedding-cache.ts";
import { type EmbedCall, mismatch } from "./embed-request.ts";
import { ownersWish } from "./shared-calls.ts";

/** Fetches the vectors of one batch, under the runner's policies. */
export type FetchVectors = (texts: readonly string[], signal: AbortSignal) => Promise<number[][]>;

export interface EmbeddingsOptions {
  readonly cache: EmbeddingCache;
  readonly batchSize: number;
  /** Equal texts that are asked for at the same time share one request. */
  readonly sharing: boolean;
}

type Flight = Promise<readonly number[]>;

/**
 * Many texts to many vectors: remembered ones from the cache, those that are on their way shared, the rest in batches.
 * Order is kept, equal texts are asked for once.
 */
export class Embeddings {
  readonly #options: EmbeddingsOptions;
  readonly #flights = new Map<string, Flight>();
  /** Lengths seen so far: a model that changes its mind would spoil an index. */
  readonly #dimensions = new Map<string, number>();

  constructor(options: EmbeddingsOptions) {
    this.#options = options;
  }

  async embed(
    call: EmbedCall,
    texts: readonly string[],
    signal: AbortSignal | undefined,
    fetch: FetchVectors,
  ): Promise<number[][]> {
    const keys = texts.map((text) => embeddingKey(call.model, call.dimensions, text));
    const missing = new Map(keys.map((key, at) => [key, texts[at]!]));
    const found = new Map<string, readonly number[]>();
    const own = new LinkedSignal().follow(signal, (cause) =>
      abortedError({ service: "ollama", operation: "embed" }, cause),
    );
    try {
      while (missing.size > 0) {
        this.#takeRemembered(missing, found);
        const shared = this.#options.sharing ? this.#shared(missing) : new Map<string, Flight>();
        const led = this.#lead(call, new Map([...missing].filter(([key]) => !shared.has(key))), own.signal, fetch);
        await collect(led, missing, found, own.signal, false);
        await collect(shared, missing, found, own.signal, true);
      }
    } finally {
      // A batch that failed takes its siblings with it; those who shared them ask again.
      own.abort(siblingFailed());
      own.dispose();
    }
    return keys.map((key) => [...found.get(key)!]);
  }

  #takeRemembered(missing: Map<string, string>, found: Map<string, readonly number[]>): void {
    for (const key of missing.keys()) {
      const vector = this.#options.cache.get(key);
      if (vector === undefined) continue;
      found.set(key, vector);
      missing.delete(key);
    }
  }

  #shared(missing: ReadonlyMap<string, string>): Map<string, Flight> {
    return new Map(
      [...missing.keys()].flatMap((key): [string, Flight][] => {
        const flight = this.#flights.get(key);
        return flight ? [[key, flight]] : [];
      }),
    );
  }

  #lead(
    call: EmbedCall,
    texts: ReadonlyMap<string, string>,
    signal: AbortSignal,
    fetch: FetchVectors,
  ): Map<string, Flight> {
    const keys = [...texts.keys()];
    const led = new Map<string, Flight>();
    for (let from = 0; from < keys.length; from += this.#options.batchSize) {
      const batch = keys.slice(from, from + this.#options.batchSize);
      const vectors = fetch(
        batch.map((key) => texts.get(key)!),
        signal,
      );
      const checked = vectors.then((each) => this.#checkDimensions(call, each));
      batch.forEach((key, at) => {
        const flight = checked.then((each) => each[at]!);
        led.set(key, flight);
        this.#flights.set(key, flight);
        flight.then(
          (vector) => {
            this.#options.cache.set(key, vector);
            this.#land(key, flight);
          },
          () => this.#land(key, flight),
        );
      });
    }
    return led;
  }

  #land(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  #checkDimensions(call: EmbedCall, vectors: number[][]): number[][] {
    const name = `${call.model}\0${call.dimensions ?? ""}`;
    const known = this.#dimensions.get(name);
    const now = vectors[0]?.length;
    if (now === undefined) return vectors;
    if (known !== undefined && known !== now)
      throw mismatch(
        `${call.model} answered ${now} dimensions, before it were ${known}; was the model replaced? Embed anew`,
      );
    this.#dimensions.set(name, now);
    return vectors;
  }
}

/** Moves what arrives from `missing` to `found`. A shared flight that its owner gave up stays missing. */
async function collect(
  flights: ReadonlyMap<string, Flight>,
  missing: Map<string, string>,
  found: Map<string, readonly number[]>,
  signal: AbortSignal,
  shared: boolean,
): Promise<void> {
  const each = [...flights].map(async ([key, flight]) => {
    try {
      found.set(key, await flight);
      missing.delete(key);
    } catch (thrown) {
      if (!shared || !ownersWish(thrown)) throw thrown;
    }
  });
  await raceSignal(Promise.all(each), signal);
}

const siblingFailed = () =>
  new IntegrationError({ code: "ABORTED", message: "another batch of the same call failed", service: "ollama" });
