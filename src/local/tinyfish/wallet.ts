/** The account's money. Kept in whole micro-dollars, so that thousands of steps add up exactly. */
export class Wallet {
  #microUsd: number;
  #steps = 0;

  constructor(usd: number) {
    this.#microUsd = Math.round(usd * 1e6);
  }

  get usd(): number {
    return this.#microUsd / 1e6;
  }

  /** Steps paid so far. */
  get steps(): number {
    return this.#steps;
  }

  get isEmpty(): boolean {
    return this.#microUsd < MICRO_USD_PER_STEP;
  }

  /** @returns false, and takes nothing, if the money does not suffice */
  payStep(): boolean {
    if (this.isEmpty) return false;
    this.#microUsd -= MICRO_USD_PER_STEP;
    this.#steps += 1;
    return true;
  }

  /** The answer of `GET /v1/wallet`. */
  toWire(wallNow: number): object {
    return {
      available_balance: this.usd.toFixed(2),
      currency: "USD",
      as_of: new Date(wallNow).toISOString(),
      auto_reload: { state: "disabled" },
      pending_top_up: null,
      rates: { meters: [{ label: "Agent", unit_amount: "0.016000", currency: "USD", per: "step" }] },
      agent_top_up_url: null,
    };
  }
}

const MICRO_USD_PER_STEP = 16_000;
