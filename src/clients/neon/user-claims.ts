import { IntegrationError, type TokenVerifier } from "../../core/index.ts";
import { type Statement } from "./sql.ts";

/** What row-level security may read about the user; `sub` is the user's id. */
export type UserClaims = Readonly<Record<string, unknown>> & { readonly sub?: string; readonly role?: string };

/** Supabase's roles. A token must never name its way into another one. */
const roles: ReadonlySet<string> = new Set(["anon", "authenticated", "service_role"]);

/**
 * Proves a token, or takes claims that the caller has proved.
 *
 * @throws IntegrationError UNAUTHENTICATED for a token that is not genuine or names no user, FORBIDDEN for any other role
 */
export async function resolveClaims(
  identity: string | UserClaims,
  verifier: TokenVerifier | undefined,
): Promise<UserClaims & { readonly role: string }> {
  const claims = typeof identity === "string" ? await verify(identity, verifier) : identity;
  if (typeof claims !== "object" || claims === null || Array.isArray(claims))
    throw refused("UNAUTHENTICATED", "asUser wants a user's token, or claims that you have verified");
  const role = claims.role ?? "authenticated";
  if (typeof role !== "string" || !roles.has(role))
    throw refused("FORBIDDEN", "the user's role must be anon, authenticated or service_role");
  if (role === "authenticated" && (typeof claims.sub !== "string" || claims.sub === ""))
    throw refused("UNAUTHENTICATED", "the claims name no user (sub); an API key is not a user's token");
  return { ...claims, role };
}

export const setClaims =
  "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true), set_config('request.jwt.claim.sub', $3, true)";

/** Makes the transaction the user's own, to its end: role and claims in one statement, nothing spliced into its text. */
export function claimsStatement(claims: UserClaims & { readonly role: string }): Statement {
  return {
    text: setClaims,
    params: [claims.role, JSON.stringify(claims), claims.sub ?? ""],
  };
}

async function verify(token: string, verifier: TokenVerifier | undefined): Promise<UserClaims> {
  if (!verifier)
    throw new IntegrationError({
      code: "INVALID_INPUT",
      message: "asUser with a token needs a verifier: give the client one, or pass claims that you have verified",
      service: "neon",
      operation: "transaction",
    });
  const { userId, role, claims } = await verifier.verify(token);
  return { ...claims, sub: userId, role };
}

function refused(code: "FORBIDDEN" | "UNAUTHENTICATED", message: string): IntegrationError {
  return new IntegrationError({ code, message, service: "neon", operation: "transaction" });
}
