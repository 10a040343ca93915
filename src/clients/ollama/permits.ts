import { IntegrationError, raceSignal } from "../../core/index.ts";

export interface PermitsOptions {
  readonly permits: number;
  /** Callers that may wait. @defaultValue no bound */
  readonly maxWaiting?: number;
  /** For the refusal's words: what is being waited for. */
  readonly what: string;
}

/** So many at a time, the rest in turn. */
export class Permits {
  readonly #options: PermitsOptions;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(options: PermitsOptions) {
    this.#options = options;
  }

  /** Permits given out and callers that wait: 0 means that nobody uses it. */
  get load(): number {
    return this.#taken + this.#waiting.size;
  }

  /** @throws IntegrationError QUEUE_FULL; the signal's reason if it fires while waiting */
  async use<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const release = await this.acquire(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** @returns a function that gives the permit back, once */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#options.permits) this.#taken += 1;
    else await this.#turn(signal);
    let held = true;
    return () => {
      if (held) this.#passOn();
      held = false;
    };
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { maxWaiting = Infinity, what, permits } = this.#options;
    if (this.#waiting.size >= maxWaiting)
      throw new IntegrationError({
        code: "QUEUE_FULL",
        message: `${permits} ${what} running and ${maxWaiting} waiting: no more are taken; come back later or raise the bound`,
        service: "ollama",
      });
    let mine: () => void = () => undefined;
    const granted = new Promise<void>((resolve) => (mine = resolve));
    this.#waiting.add(mine);
    try {
      await raceSignal(granted, signal);
    } catch (reason) {
      // Granted in the same moment: the permit must not be lost.
      if (!this.#waiting.delete(mine)) this.#passOn();
      throw reason;
    }
  }

  /** The permit goes to whoever waits longest, without becoming free in between. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (!next) this.#taken -= 1;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}
