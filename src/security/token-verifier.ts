import { createHash } from "node:crypto";
import {
  type Clock,
  type FetchLike,
  IntegrationError,
  revealSecret,
  type Secret,
  systemClock,
  type TokenVerifier,
  type VerifiedToken,
} from "../core/index.ts";
import {
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from "jose";
import { LRUCache } from "lru-cache";
import { JWKS_MAX_AGE_MS, readKeySet, RemoteJwks } from "./remote-jwks.ts";

export interface SupabaseTokenVerifierOptions {
  /** The project's URL, e.g. `https://<ref>.supabase.co`: issuer and key set follow from it. */
  readonly url: string;
  /** The project's shared secret. Only with it are HS256 tokens accepted. @defaultValue none */
  readonly jwtSecret?: string | Secret | undefined;
  /** The project's public keys, given instead of fetched. @defaultValue fetched from {@link jwksUrl} */
  readonly jwks?: JSONWebKeySet | undefined;
  /** @defaultValue `<issuer>/.well-known/jwks.json` */
  readonly jwksUrl?: string | undefined;
  /** @defaultValue `<url>/auth/v1` */
  readonly issuer?: string | undefined;
  /** @defaultValue "authenticated" */
  readonly audience?: string | undefined;
  /** How far the two clocks may differ, seconds, 0 to 300. @defaultValue 5 */
  readonly clockToleranceSeconds?: number | undefined;
  /** Verified tokens kept, so that a request does not pay twice for a signature, 0 to 1 000 000. @defaultValue 1000 */
  readonly cacheSize?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly fetch?: FetchLike | undefined;
}

const defaults = { audience: "authenticated", clockToleranceSeconds: 5, cacheSize: 1000 } as const;

/** Longer than any token that fits into the headers of a Node server (16 KiB in all). */
const MAX_TOKEN_LENGTH = 16_384;
const ASYMMETRIC = ["ES256", "RS256"];

/** Why a token was refused; also in the error's `details.reason`. */
export type TokenRefusal =
  "malformed" | "algorithm" | "signature" | "unknown_key" | "expired" | "claim" | "not_a_user_token";

interface CacheEntry {
  readonly token: VerifiedToken;
  /** Wall clock, ms. */
  readonly until: number;
}

/**
 * Verifies the access tokens of Supabase Auth here, without a request per token: signature (ES256 or RS256 from the
 * project's key set; HS256 only if its secret is configured), issuer, audience, expiry, and that it belongs to a user.
 * A sign-out does not end an access token before it expires; ask `auth.user(token)` where that matters.
 *
 * @example
 * const verifier = new SupabaseTokenVerifier({ url: "https://abc.supabase.co" });
 * const { userId, role } = await verifier.verify(bearerToken);
 * @see https://www.rfc-editor.org/rfc/rfc8725 JSON Web Token best current practices
 */
export class SupabaseTokenVerifier implements TokenVerifier {
  readonly #issuer: string;
  readonly #audience: string;
  readonly #clockToleranceSeconds: number;
  readonly #clock: Clock;
  readonly #secret: Uint8Array | undefined;
  readonly #publicKey: (kid: string | undefined) => Promise<JWTVerifyGetKey>;
  readonly #verified: LRUCache<string, CacheEntry> | undefined;

  /** @throws IntegrationError `INVALID_INPUT` naming every wrong option */
  constructor(options: SupabaseTokenVerifierOptions) {
    checkOptions(options);
    this.#issuer = options.issuer ?? `${options.url.replace(/\/+$/, "")}/auth/v1`;
    this.#audience = options.audience ?? defaults.audience;
    this.#clockToleranceSeconds = options.clockToleranceSeconds ?? defaults.clockToleranceSeconds;
    this.#clock = options.clock ?? systemClock;
    if (options.jwtSecret !== undefined) this.#secret = new TextEncoder().encode(revealSecret(options.jwtSecret));
    this.#publicKey = publicKeys(options, this.#issuer, this.#clock);
    const max = options.cacheSize ?? defaults.cacheSize;
    if (max > 0) this.#verified = new LRUCache({ max });
  }

  /**
   * @throws IntegrationError `UNAUTHENTICATED` with `details.reason`; `NETWORK` (retryable) if the keys are out of reach
   */
  async verify(token: string): Promise<VerifiedToken> {
    assertCanonical(token);
    const key = createHash("sha256").update(token).digest("base64");
    const cached = this.#verified?.get(key);
    if (cached && this.#clock.wallNow() < cached.until) return cached.token;

    const verified = deepFreeze(readClaims(await this.#check(token)));
    // Never longer than a key set is trusted, so that a revoked key ends its tokens, too.
    const until = Math.min(verified.expiresAt * 1000, this.#clock.wallNow() + JWKS_MAX_AGE_MS);
    this.#verified?.set(key, { token: verified, until });
    return verified;
  }

  async #check(token: string): Promise<JWTPayload> {
    try {
      const { alg, kid } = decodeProtectedHeader(token);
      const rules = {
        issuer: this.#issuer,
        audience: this.#audience,
        requiredClaims: ["exp", "role", "sub"],
        clockTolerance: this.#clockToleranceSeconds,
        currentDate: new Date(this.#clock.wallNow()),
      };
      if (alg === "HS256") {
        if (!this.#secret) throw refused("algorithm", "it is signed with a shared secret and none is configured");
        return (await jwtVerify(token, this.#secret, { ...rules, algorithms: ["HS256"] })).payload;
      }
      if (!ASYMMETRIC.includes(alg ?? "")) throw refused("algorithm", "its algorithm is none of ES256, RS256, HS256");
      return (await jwtVerify(token, await this.#publicKey(kid), { ...rules, algorithms: ASYMMETRIC })).payload;
    } catch (thrown) {
      throw explain(thrown);
    }
  }
}

function publicKeys(options: SupabaseTokenVerifierOptions, issuer: string, clock: Clock) {
  if (options.jwks) {
    const { find } = readKeySet(options.jwks);
    return () => Promise.resolve(find);
  }
  const url = options.jwksUrl ?? `${issuer}/.well-known/jwks.json`;
  const remote = new RemoteJwks({ url, clock, fetch: options.fetch });
  return (kid: string | undefined) => remote.find(kid);
}

function checkOptions({
  url,
  issuer,
  jwksUrl,
  clockToleranceSeconds,
  cacheSize,
  jwtSecret,
  jwks,
}: SupabaseTokenVerifierOptions) {
  const problems: string[] = [];
  for (const [name, value] of Object.entries({ url, issuer, jwksUrl }))
    if (value !== undefined && !/^https?:$/.test(URL.parse(value)?.protocol ?? ""))
      problems.push(`${name} must be an http(s) URL`);
  const inRange = (name: string, value: number | undefined, max: number) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= max))
      problems.push(`${name} must be a whole number from 0 to ${max}, got ${value}`);
  };
  inRange("clockToleranceSeconds", clockToleranceSeconds, 300);
  inRange("cacheSize", cacheSize, 1_000_000);
  if (jwks !== undefined && !Array.isArray(jwks?.keys)) problems.push("jwks must hold a list of keys");
  if (jwtSecret !== undefined && revealSecret(jwtSecret) === "") problems.push("jwtSecret must not be empty");
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `SupabaseTokenVerifier: ${problems.join("; ")}` });
}

/**
 * One token, one spelling: jose tolerates padding, spaces and unused trailing bits, with which one signature would
 * cover many strings (and slip past deny lists and caches).
 */
function assertCanonical(token: unknown): asserts token is string {
  if (typeof token !== "string" || token === "") throw refused("malformed", "there is none");
  if (token.length > MAX_TOKEN_LENGTH) throw refused("malformed", `it is longer than ${MAX_TOKEN_LENGTH} characters`);
  const parts = token.split(".");
  const canonical = (part: string) => part !== "" && Buffer.from(part, "base64url").toString("base64url") === part;
  if (parts.length !== 3 || !parts.every(canonical))
    throw refused("malformed", "it is not three parts of canonical base64url");
}

function readClaims(claims: JWTPayload): VerifiedToken {
  const { sub, role, exp, email, aal, session_id: sessionId } = claims;
  if (typeof sub !== "string" || sub === "" || typeof role !== "string" || role === "" || exp === undefined)
    throw refused("not_a_user_token", "it names no user; an API key is not a user's token");
  return {
    userId: sub,
    role,
    expiresAt: exp,
    claims,
    ...(typeof email === "string" && email !== "" && { email }),
    ...(typeof aal === "string" && { aal }),
    ...(typeof sessionId === "string" && { sessionId }),
  };
}

/** Says why in our words; jose's messages and causes may hold claims. */
function explain(thrown: unknown): unknown {
  if (IntegrationError.isInstance(thrown)) return thrown;
  if (thrown instanceof errors.JWTExpired) return refused("expired", "it has expired; refresh the session");
  if (thrown instanceof errors.JWTClaimValidationFailed) {
    const isKey = thrown.claim === "sub" && thrown.reason === "missing";
    if (isKey) return refused("not_a_user_token", "it names no user; an API key is not a user's token");
    return refused(
      "claim",
      `its claim "${thrown.claim}" is ${thrown.reason === "missing" ? "missing" : "not acceptable"}`,
    );
  }
  if (thrown instanceof errors.JWSSignatureVerificationFailed)
    return refused("signature", "its signature does not match; it was altered or signed by somebody else");
  if (thrown instanceof errors.JWKSNoMatchingKey || thrown instanceof errors.JWKSMultipleMatchingKeys)
    return refused("unknown_key", "its signing key is not one of the project's");
  if (thrown instanceof errors.JOSEError || thrown instanceof TypeError)
    return refused("malformed", "it is not a well-formed signed token");
  return thrown;
}

function refused(reason: TokenRefusal, why: string): IntegrationError {
  return new IntegrationError({
    code: "UNAUTHENTICATED",
    service: "supabase",
    operation: "auth.verify",
    message: `The token is refused: ${why}`,
    details: { reason },
  });
}

/** The cached object is shared by every request with the same token: nobody may edit it. */
function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
