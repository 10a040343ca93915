import { type Clock, type Random, type TimerHandle } from "../core/index.ts";

export interface RepeaterOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Must not reject. */
  readonly task: () => Promise<void> | void;
}

/**
 * Runs a task again and again: the next wait starts when the task has finished, so that runs never overlap. Waits are
 * jittered by a tenth, the first by all of it, so that a fleet started together spreads out. Its timers hold no process.
 */
export class Repeater {
  readonly #options: RepeaterOptions;
  #timer: TimerHandle | undefined;
  /** Tells a run that was stopped, or stopped and started again, that it must not go on. */
  #generation = 0;

  constructor(options: RepeaterOptions) {
    this.#options = options;
  }

  /** Starting again changes the interval. */
  start(intervalMs: number): void {
    this.stop();
    const generation = this.#generation;
    const { clock, random, task } = this.#options;
    const schedule = (waitMs: number): void => {
      this.#timer = clock.setTimer(() => void run(), waitMs, { keepAlive: false });
    };
    const run = async (): Promise<void> => {
      await task();
      if (generation === this.#generation) schedule(intervalMs * (0.9 + 0.2 * random.next()));
    };
    schedule(intervalMs * random.next());
  }

  /** A run that is under way ends by itself; none follows. */
  stop(): void {
    this.#generation += 1;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
