import { type MemoryBudget } from "./memory-budget.ts";
import { canonicalName } from "./models.ts";
import { Permits, type PermitsOptions } from "./permits.ts";

/** Whose turn it is at each model: so many at a time, and only while it fits in memory. */
export class ModelGate {
  readonly #options: PermitsOptions;
  readonly #budget: MemoryBudget;
  readonly #models = new Map<string, Permits>();

  constructor(options: PermitsOptions, budget: MemoryBudget) {
    this.#options = options;
    this.#budget = budget;
  }

  /** @returns a function that lets the next one in. @throws IntegrationError QUEUE_FULL, BUDGET_EXHAUSTED */
  async enter(model: string, signal: AbortSignal): Promise<() => void> {
    const name = canonicalName(model);
    const permits = this.#models.get(name) ?? new Permits(this.#options);
    this.#models.set(name, permits);
    const release = await permits.acquire(signal);
    const leave = () => {
      release();
      if (permits.load === 0) this.#models.delete(name);
    };
    try {
      const done = await this.#budget.enter(model, signal);
      return () => {
        done();
        leave();
      };
    } catch (thrown) {
      leave();
      throw thrown;
    }
  }
}
