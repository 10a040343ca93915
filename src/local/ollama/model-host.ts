import { type Clock, raceSignal, sleep } from "../../core/index.ts";
import { Refusal } from "./replies.ts";

export interface InstalledModel {
  /** With its tag. */
  readonly name: string;
  readonly capability: "completion" | "embedding";
  readonly family: string;
  readonly sizeBytes: number;
  readonly contextLength: number;
  readonly embeddingLength: number;
}

export interface LoadedModel {
  readonly model: InstalledModel;
  /** On the monotonic clock; `Infinity` for ever. */
  readonly expiresAt: number;
}

/** The right to use a loaded model. */
export interface Lease {
  /** What loading cost this request; 0 if the model was there. */
  readonly loadMs: number;
  readonly release: () => void;
}

export interface ModelHostOptions {
  readonly models: readonly InstalledModel[];
  readonly loadDelayMs: number;
  readonly numParallel: number;
  readonly maxQueue: number;
  readonly clock: Clock;
}

interface Runner {
  expiresAt: number;
  active: number;
  readonly waiting: Set<() => void>;
}

/**
 * Who is loaded, and whose turn it is. Faithful to the real scheduler, its quirk included: `maxQueue` bounds only the
 * requests that wait for a model to load; those for a loaded model wait without any bound (ollama/ollama#7758).
 */
export class ModelHost {
  readonly #options: ModelHostOptions;
  readonly #runners = new Map<string, Runner>();
  readonly #loading = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  #pending = 0;

  constructor(options: ModelHostOptions) {
    this.#options = options;
  }

  get installed(): readonly InstalledModel[] {
    return this.#options.models;
  }

  /** Names are compared without case; the tag defaults to `latest`. */
  find(name: unknown): InstalledModel | undefined {
    if (typeof name !== "string" || name === "") return undefined;
    const wanted = withTag(name).toLowerCase();
    return this.#options.models.find((model) => model.name.toLowerCase() === wanted);
  }

  /** What is in memory now. A model past its time is gone; no timer is needed to say so. */
  loaded(): LoadedModel[] {
    return this.#options.models.flatMap((model) => {
      const runner = this.#runner(model);
      return runner ? [{ model, expiresAt: runner.expiresAt }] : [];
    });
  }

  unload(model: InstalledModel): void {
    this.#runners.delete(model.name);
  }

  /** Loads the model if it must and waits for a free slot. @throws Refusal 503 */
  async use(model: InstalledModel, keepAliveMs: number, signal: AbortSignal): Promise<Lease> {
    const { clock } = this.#options;
    const from = clock.now();
    const runner = this.#runner(model) ?? (await this.#load(model, keepAliveMs, signal));
    const loadMs = clock.now() - from;
    // Embeddings have no slots: the worker takes what waits as one batch, which is faster than turns.
    const limit = model.capability === "embedding" ? Infinity : this.#options.numParallel;
    if (runner.active >= limit) await this.#turn(runner, signal);
    else runner.active += 1;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      runner.expiresAt = clock.now() + keepAliveMs;
      const [next] = runner.waiting;
      if (next) next();
      else runner.active -= 1;
    };
    return { loadMs, release };
  }

  close(): void {
    this.#closing.abort(new Error("the stand-in was closed"));
  }

  #runner(model: InstalledModel): Runner | undefined {
    const runner = this.#runners.get(model.name);
    if (!runner || runner.active > 0 || runner.expiresAt > this.#options.clock.now()) return runner;
    this.#runners.delete(model.name);
    return undefined;
  }

  async #load(model: InstalledModel, keepAliveMs: number, signal: AbortSignal): Promise<Runner> {
    const { maxQueue, loadDelayMs, clock } = this.#options;
    if (this.#pending >= maxQueue)
      throw new Refusal(503, "server busy, please try again.  maximum pending requests exceeded");
    this.#pending += 1;
    try {
      let loading = this.#loading.get(model.name);
      if (!loading) {
        // The load belongs to the server, not to the request that caused it.
        loading = (loadDelayMs > 0 ? sleep(loadDelayMs, clock, this.#closing.signal) : Promise.resolve())
          .then(() => {
            const expiresAt = clock.now() + Math.max(keepAliveMs, 1);
            this.#runners.set(model.name, { expiresAt, active: 0, waiting: new Set() });
          })
          .finally(() => this.#loading.delete(model.name));
        this.#loading.set(model.name, loading);
      }
      await raceSignal(loading, signal);
    } finally {
      this.#pending -= 1;
    }
    return this.#runners.get(model.name) ?? this.#load(model, keepAliveMs, signal);
  }

  /** The released slot passes to whoever waits longest, without becoming free in between. */
  async #turn(runner: Runner, signal: AbortSignal): Promise<void> {
    let mine: () => void = () => undefined;
    const granted = new Promise<void>((resolve) => {
      mine = () => {
        runner.waiting.delete(mine);
        resolve();
      };
    });
    runner.waiting.add(mine);
    try {
      await raceSignal(granted, signal);
    } catch (reason) {
      // Granted in the same moment: the turn goes on to the next.
      if (!runner.waiting.delete(mine)) {
        const [next] = runner.waiting;
        if (next) next();
        else runner.active -= 1;
      }
      throw reason;
    }
  }
}

export const withTag = (name: string): string => (/:[^/]*$/.test(name) ? name : `${name}:latest`);
