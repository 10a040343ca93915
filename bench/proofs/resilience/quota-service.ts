import { type ManualClock } from "enhanced-integration/testing";

/** What a service tells those who call it. */
export interface Manners {
  /** `RateLimit` and `RateLimit-Policy` with every answer. */
  readonly rateLimit: boolean;
  /** `Retry-After` with every 429. */
  readonly retryAfter: boolean;
}

/** Each way, ms. */
const TRAVEL_MS = 15;
const WINDOW_MS = 1_000;
/** What a silent service lets through at once: its bucket is small, so that pace alone decides. */
const SILENT_BURST = 5;

/**
 * A service with a quota of requests a second, on a clock of the proof's: a window of a second where it speaks of its
 * quota or of when to come back, a token bucket where it says nothing.
 */
export class QuotaService {
  perSecond: number;
  accepted = 0;
  refused = 0;
  /** Requests that left although a `Retry-After` that had arrived was not over. */
  early = 0;
  readonly #manners: Manners;
  readonly #clock: ManualClock;
  #tokens: number;
  #countedAt = 0;
  #pausedUntil = -Infinity;

  constructor(manners: Manners, clock: ManualClock, perSecond: number) {
    this.#manners = manners;
    this.#clock = clock;
    this.#tokens = this.perSecond = perSecond;
  }

  readonly fetch = async (): Promise<Response> => {
    if (this.#clock.now() < this.#pausedUntil) this.early += 1;
    await this.#travel();
    const ok = this.#take();
    if (ok) this.accepted += 1;
    else this.refused += 1;
    const [headers, pauseMs] = this.#headers(ok);
    await this.#travel();
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + pauseMs);
    return new Response("", { status: ok ? 200 : 429, headers });
  };

  #travel(): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(resolve, TRAVEL_MS));
  }

  get #isSilent(): boolean {
    return !this.#manners.rateLimit && !this.#manners.retryAfter;
  }

  #take(): boolean {
    const now = this.#clock.now();
    if (this.#isSilent) {
      this.#tokens = Math.min(SILENT_BURST, this.#tokens + ((now - this.#countedAt) * this.perSecond) / 1_000);
      this.#countedAt = now;
    } else if (now - this.#countedAt >= WINDOW_MS) {
      this.#countedAt = now - (now % WINDOW_MS);
      this.#tokens = this.perSecond;
    }
    // A window that has begun is cut short by a lower quota.
    this.#tokens = Math.min(this.#tokens, this.perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #headers(ok: boolean): [headers: Record<string, string>, pauseMs: number] {
    const seconds = Math.max(1, Math.ceil((this.#countedAt + WINDOW_MS - this.#clock.now()) / 1_000));
    const { rateLimit, retryAfter } = this.#manners;
    const pauses = retryAfter && !ok;
    return [
      {
        ...(rateLimit && {
          "RateLimit-Policy": `"api";q=${this.perSecond};w=1`,
          RateLimit: `"api";r=${Math.floor(this.#tokens)};t=${seconds}`,
        }),
        ...(pauses && { "Retry-After": String(seconds) }),
      },
      pauses ? seconds * 1_000 : 0,
    ];
  }
}
