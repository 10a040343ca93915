import {
  type Clock,
  describeThrown,
  type FetchLike,
  IntegrationError,
  LinkedSignal,
  parseRetryAfter,
} from "../core/index.ts";
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";

/** How long a key set is trusted before it is fetched again, ms: the project's edge caches it equally long. */
export const JWKS_MAX_AGE_MS = 600_000;
/** During an outage the last good key set serves this much longer, ms: an hour, the usual life of an access token. */
const JWKS_MAX_STALE_MS = 3_600_000;
/** A key id that is unknown fetches the set again at most this often, ms: invented ids must not turn into traffic. */
const JWKS_COOLDOWN_MS = 30_000;
/** After a failed fetch the failure is the answer for so long, ms. */
const JWKS_FAILURE_MS = 5_000;
const JWKS_TIMEOUT_MS = 5_000;

export interface RemoteJwksOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly fetch: FetchLike | undefined;
}

interface KeySet {
  readonly find: JWTVerifyGetKey;
  readonly kids: ReadonlySet<string>;
  readonly fetchedAt: number;
}

/**
 * The issuer's public keys, fetched when first needed: one request at a time, none while the cached set will do, and
 * none for a while after a failure.
 */
export class RemoteJwks {
  readonly #options: RemoteJwksOptions;
  #keys: KeySet | undefined;
  #failure: { readonly error: IntegrationError; readonly at: number } | undefined;
  #pending: Promise<KeySet> | undefined;

  constructor(options: RemoteJwksOptions) {
    this.#options = options;
  }

  /**
   * @param kid the token's key id
   * @throws IntegrationError `NETWORK` (retryable) if the keys cannot be had: the token was not judged
   */
  async find(kid: string | undefined): Promise<JWTVerifyGetKey> {
    const known = this.#keys;
    const age = known ? this.#options.clock.now() - known.fetchedAt : Infinity;
    const holds = known !== undefined && (kid === undefined || known.kids.has(kid));
    if (known && age < (holds ? JWKS_MAX_AGE_MS : JWKS_COOLDOWN_MS)) return known.find;
    try {
      return (await this.#refresh()).find;
    } catch (error) {
      if (known && holds && age < JWKS_MAX_AGE_MS + JWKS_MAX_STALE_MS) return known.find;
      throw error;
    }
  }

  #refresh(): Promise<KeySet> {
    const { clock } = this.#options;
    if (this.#failure && clock.now() - this.#failure.at < JWKS_FAILURE_MS) return Promise.reject(this.#failure.error);
    this.#pending ??= this.#fetch()
      .then(
        (keys) => {
          this.#failure = undefined;
          return (this.#keys = keys);
        },
        (error: IntegrationError) => {
          this.#failure = { error, at: clock.now() };
          throw error;
        },
      )
      .finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #fetch(): Promise<KeySet> {
    const { url, clock } = this.#options;
    const fetch = this.#options.fetch ?? globalThis.fetch;
    const linked = new LinkedSignal().after(JWKS_TIMEOUT_MS, clock, () =>
      this.#unavailable(`no answer within ${JWKS_TIMEOUT_MS} ms`),
    );
    try {
      const response = await fetch(url, { signal: linked.signal, headers: { accept: "application/json" } });
      const body = await response.text();
      if (!response.ok) {
        const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"), clock.wallNow());
        throw this.#unavailable(`answered ${response.status}`, { retryAfterMs });
      }
      return { ...readKeySet(JSON.parse(body)), fetchedAt: clock.now() };
    } catch (thrown) {
      if (linked.signal.aborted) throw linked.signal.reason;
      throw IntegrationError.isInstance(thrown) ? thrown : this.#unavailable(describeThrown(thrown), { cause: thrown });
    } finally {
      linked.dispose();
    }
  }

  #unavailable(why: string, extra: { retryAfterMs?: number | undefined; cause?: unknown } = {}): IntegrationError {
    return new IntegrationError({
      code: "NETWORK",
      service: "supabase",
      operation: "auth.jwks",
      message: `The token could not be judged because the signing keys at ${this.#options.url} are out of reach: ${why}; try again`,
      ...extra,
    });
  }
}

/** Keeps the public signing keys and drops the rest: a shared secret has no business in a published key set. */
export function readKeySet(body: unknown): Pick<KeySet, "find" | "kids"> {
  const listed = (body as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(listed)) throw new TypeError("the key set has no list of keys");
  const keys = (listed as JSONWebKeySet["keys"]).filter((key) => key?.kty === "EC" || key?.kty === "RSA");
  const kids = new Set(keys.flatMap(({ kid }) => (kid === undefined ? [] : [kid])));
  return { find: createLocalJWKSet({ keys }), kids };
}
