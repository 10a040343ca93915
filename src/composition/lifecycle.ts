import { type Clock } from "../core/index.ts";

/** What {@link Lifecycle} does. */
export interface LifecycleSteps {
  /** @returns what undoes it */
  start(): Promise<() => Promise<void>>;
  close(timeoutMs: number): Promise<void>;
}

/** Start and close, each once, never at the same time; a failed start can be started again. */
export class Lifecycle {
  readonly #steps: LifecycleSteps;
  #started: Promise<() => Promise<void>> | undefined;
  #closed: Promise<void> | undefined;
  #isStarted = false;

  constructor(steps: LifecycleSteps) {
    this.#steps = steps;
  }

  /** Start has succeeded, and the end has not begun. */
  get started(): boolean {
    return this.#isStarted && !this.#closed;
  }

  async start(): Promise<void> {
    await this.#closed;
    if (this.#closed) return;
    this.#started ??= this.#steps.start();
    try {
      await this.#started;
      this.#isStarted = true;
    } catch (error) {
      this.#started = undefined;
      throw error;
    }
  }

  close(timeoutMs: number): Promise<void> {
    return (this.#closed ??= this.#close(timeoutMs));
  }

  async #close(timeoutMs: number): Promise<void> {
    const stop = await this.#started?.catch(() => undefined);
    await stop?.();
    await this.#steps.close(timeoutMs);
  }
}

/** Waits for the promise, and no longer than `ms`. */
export async function within(ms: number, clock: Clock, promise: Promise<void>): Promise<void> {
  let timer: { cancel(): void } | undefined;
  const timeUp = new Promise<void>((resolve) => (timer = clock.setTimer(resolve, ms)));
  await Promise.race([promise, timeUp]).finally(() => timer?.cancel());
}
