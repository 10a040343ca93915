import { createHash, timingSafeEqual } from "node:crypto";
import { type ProjectKeys } from "./keys.ts";
import { type Tokens } from "./tokens.ts";

/** Who asks. `doubtful` carries a bearer token that proves nothing. */
export type Caller =
  | { readonly kind: "service" }
  | { readonly kind: "anon" }
  | { readonly kind: "user"; readonly userId: string; readonly sessionId: string }
  | { readonly kind: "doubtful"; readonly reason: string };

/** What stands before every service of a project: no request without an API key. */
export class Gateway {
  readonly #keys: ProjectKeys;
  readonly #tokens: Tokens;

  constructor(keys: ProjectKeys, tokens: Tokens) {
    this.#keys = keys;
    this.#tokens = tokens;
  }

  /** @returns the refusal, or undefined if the request may pass */
  async refuse(request: Request): Promise<Response | undefined> {
    const key = apiKeyOf(request);
    if (key === undefined) {
      const hint = "No `apikey` request header or url param was found.";
      return Response.json({ message: "No API key found in request", hint }, { status: 401 });
    }
    if (await this.#roleOf(key)) return undefined;
    const hint = "Double check your Supabase `anon` or `service_role` API key.";
    return Response.json({ message: "Invalid API key", hint }, { status: 401 });
  }

  /** The user of the bearer token; the key's own role where there is none, or where it repeats the key. */
  async identify(request: Request): Promise<Caller> {
    const key = apiKeyOf(request);
    const bearer = /^Bearer\s+(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (bearer === undefined || bearer === key)
      return { kind: (key !== undefined && (await this.#roleOf(key))) || "anon" };
    try {
      const { sub, role, session_id: sessionId } = await this.#tokens.verify(bearer);
      if (role === "service_role") return { kind: "service" };
      if (sub === undefined) return { kind: "anon" };
      return { kind: "user", userId: sub, sessionId: String(sessionId) };
    } catch (error) {
      return { kind: "doubtful", reason: error instanceof Error ? error.message : "unreadable" };
    }
  }

  async #roleOf(key: string): Promise<"anon" | "service" | undefined> {
    if (sameText(key, this.#keys.publishableKey)) return "anon";
    if (sameText(key, this.#keys.secretKey)) return "service";
    const claims = await this.#tokens.verify(key).catch(() => undefined);
    if (claims?.sub !== undefined) return undefined;
    return claims?.["role"] === "service_role" ? "service" : claims?.["role"] === "anon" ? "anon" : undefined;
  }
}

function apiKeyOf(request: Request): string | undefined {
  return request.headers.get("apikey") ?? new URL(request.url).searchParams.get("apikey") ?? undefined;
}

function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
