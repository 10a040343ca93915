import { OptionCheck } from "../core/index.ts";

export interface RetryBudgetOptions {
  /** Retries that may be made on credit, at the start and after a quiet time, 0 to 1,000,000. @defaultValue 100 */
  readonly capacity?: number;
  /** What each successful call earns, in retries, 0 to 1. @defaultValue 0.2 */
  readonly perSuccess?: number;
}

/**
 * What the calls to one service may spend on retries together. Only success earns, as in the AWS SDKs: a service that
 * is down altogether gets `capacity` retries and then first attempts alone (10,000 calls: 1.01 requests per call),
 * while one that fails now and then gets every retry it needs. There is no earning by time, because it would amplify
 * a long outage.
 */
export class RetryBudget {
  readonly capacity: number;
  readonly perSuccess: number;
  #tokens: number;

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: RetryBudgetOptions = {}) {
    const check = new OptionCheck("RetryBudget");
    check.number("capacity", options.capacity, { min: 0, max: 1_000_000 });
    check.number("perSuccess", options.perSuccess, { min: 0, max: 1 });
    check.throwIfAny();
    this.capacity = options.capacity ?? 100;
    this.perSuccess = options.perSuccess ?? 0.2;
    this.#tokens = this.capacity;
  }

  /** Retries that could be made now. */
  get available(): number {
    return Math.floor(this.#tokens);
  }

  /** Takes one retry, if there is one. */
  trySpend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** A call succeeded. */
  earn(): void {
    if (this.#tokens < this.capacity) this.#tokens = Math.min(this.capacity, this.#tokens + this.perSuccess);
  }

  toJSON(): { capacity: number; perSuccess: number; available: number } {
    return { capacity: this.capacity, perSuccess: this.perSuccess, available: this.available };
  }
}
