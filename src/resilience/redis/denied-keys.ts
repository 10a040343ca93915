import { type Decision } from "../gcra.ts";
import { type Lane } from "./lane.ts";

const MAX_KEYS = 10_000;

/**
 * Keys that Redis denied, until their time: asking again sooner would change nothing, as nobody gives tokens back. So
 * whoever hammers at a closed door costs no round trip.
 */
export class DeniedKeys {
  readonly #lane: Lane;
  readonly #entries = new Map<string, { readonly used: readonly number[]; readonly at: number }>();

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  remember(key: string, used: readonly number[], now: number): void {
    this.#entries.delete(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < MAX_KEYS) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, { used, at: now });
  }

  /** A call with a lower cost was admitted: the bucket holds less than we remember. */
  forget(key: string): void {
    this.#entries.delete(key);
  }

  /** @returns the denial that Redis would give; undefined if it has to be asked */
  decide(key: string, cost: number, now: number): Decision | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const used = this.#lane.refilled(entry.used, now - entry.at);
    if (!this.#lane.fits(used, cost)) return this.#lane.decision(used, cost, false);
    this.#entries.delete(key);
    return undefined;
  }
}
