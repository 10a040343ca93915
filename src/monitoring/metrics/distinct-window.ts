import { type Clock } from "../../core/index.ts";

/** Above this the count is a lower bound; the oldest are forgotten first. */
const MAX_MEMBERS = 100_000;

/** How many different ids were seen in the last `windowMs`. Ordered by last sight, so that forgetting is cheap. */
export class DistinctWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #seenAt = new Map<string, number>();
  #used = false;

  constructor(options: { readonly clock: Clock; readonly windowMs: number }) {
    this.#clock = options.clock;
    this.#windowMs = options.windowMs;
  }

  add(id: string): void {
    this.#used = true;
    this.#seenAt.delete(id);
    this.#seenAt.set(id, this.#clock.now());
    if (this.#seenAt.size > MAX_MEMBERS) this.#seenAt.delete(this.#seenAt.keys().next().value as string);
  }

  /** `undefined` until the first id: nobody was looked for yet. */
  count(): number | undefined {
    if (!this.#used) return undefined;
    const oldest = this.#clock.now() - this.#windowMs;
    for (const [id, seenAt] of this.#seenAt) {
      if (seenAt > oldest) break;
      this.#seenAt.delete(id);
    }
    return this.#seenAt.size;
  }
}
