import { type Clock } from "../../core/index.ts";
import { decodeProtectedHeader, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { type ProjectKeys } from "./keys.ts";

export interface TokensOptions {
  readonly keys: ProjectKeys;
  readonly algorithm: "HS256" | "ES256";
  readonly issuer: () => string;
  readonly clock: Clock;
}

/** Signs and checks the project's tokens: access tokens, legacy API keys, signed URLs. */
export class Tokens {
  readonly #options: TokensOptions;
  readonly #secret: Uint8Array;

  constructor(options: TokensOptions) {
    this.#options = options;
    this.#secret = new TextEncoder().encode(options.keys.jwtSecret);
  }

  get issuer(): string {
    return this.#options.issuer();
  }

  /** Whole seconds since the epoch. */
  now(): number {
    return Math.floor(this.#options.clock.wallNow() / 1000);
  }

  /** Signs an access token with the project's current key. */
  async sign(claims: JWTPayload, lifetimeSeconds: number): Promise<string> {
    const { algorithm, keys } = this.#options;
    if (algorithm === "HS256") return this.signWithSecret(claims, lifetimeSeconds);
    const jwt = this.#token(claims, lifetimeSeconds);
    jwt.setProtectedHeader({ alg: "ES256", typ: "JWT", kid: keys.signingKey.kid ?? "" });
    return jwt.sign(await importJWK(keys.signingKey, "ES256"));
  }

  signWithSecret(claims: JWTPayload, lifetimeSeconds: number): Promise<string> {
    return this.#token(claims, lifetimeSeconds).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(this.#secret);
  }

  /** @throws jose's error if the token is forged, malformed or out of date */
  async verify(token: string): Promise<JWTPayload> {
    const currentDate = new Date(this.#options.clock.wallNow());
    if (decodeProtectedHeader(token).alg === "HS256")
      return (await jwtVerify(token, this.#secret, { algorithms: ["HS256"], currentDate })).payload;
    const key = await importJWK(this.#publicKey(), "ES256");
    return (await jwtVerify(token, key, { algorithms: ["ES256"], currentDate })).payload;
  }

  /** The published key set: empty for a project that signs with its shared secret. */
  jwks(): { keys: JWK[] } {
    return { keys: this.#options.algorithm === "ES256" ? [this.#publicKey()] : [] };
  }

  #token(claims: JWTPayload, lifetimeSeconds: number): SignJWT {
    return new SignJWT({ ...claims, iat: this.now(), exp: this.now() + lifetimeSeconds });
  }

  #publicKey(): JWK {
    const { d: _private, ...publicKey } = this.#options.keys.signingKey;
    return { ...publicKey, key_ops: ["verify"] };
  }
}
