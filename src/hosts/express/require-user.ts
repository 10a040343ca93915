import { IntegrationError, shown } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";
import { refuseInvalidOptions } from "../invalid-options.ts";
import { type ExpressRequest, type Handler } from "./handler.ts";

export interface RequireUserOptions {
  /** Least authenticator assurance level; `aal2` asks for a second factor. @defaultValue any */
  readonly aal?: "aal1" | "aal2";
  /** The role that the token must name. @defaultValue any */
  readonly role?: string;
}

/** Least first. */
const assuranceLevels: readonly unknown[] = ["aal1", "aal2"];

/**
 * Lets only requests with a genuine user token pass; the user is then at `request.integration.user`. Others end with
 * `UNAUTHENTICATED`, or with `FORBIDDEN` if the token is genuine and does not suffice.
 *
 * @throws IntegrationError INVALID_INPUT for an unknown assurance level or an empty role
 * @example
 * app.get("/favourites", requireUser(integration), listFavourites);
 */
export function requireUser(integration: Integration, options: RequireUserOptions = {}): Handler {
  const { aal, role } = options;
  refuseInvalidOptions("requireUser", [
    aal !== undefined && !assuranceLevels.includes(aal) && `aal must be aal1 or aal2, got ${shown(aal)}`,
    role === "" && "role must not be empty",
  ]);
  return async (request, _response, next) => {
    const state = request.integration;
    if (!state)
      throw new IntegrationError({
        code: "CONFIG_INVALID",
        message: "requireUser: add app.use(integrationMiddleware(integration)) before it",
      });
    const user = await integration.supabase.auth.verify(bearerToken(request));
    if (role !== undefined && user.role !== role) throw forbidden(`this needs the role ${role}`);
    if (aal !== undefined && assuranceLevels.indexOf(user.aal) < assuranceLevels.indexOf(aal))
      throw forbidden(`this needs a session of level ${aal}: sign in with a second factor and try again`);
    state.user = user;
    next();
  };
}

/** @see RFC 6750, section 2.1 */
function bearerToken(request: ExpressRequest): string {
  const token = /^Bearer +(\S+)$/i.exec(request.get("authorization") ?? "")?.[1];
  if (token !== undefined) return token;
  throw new IntegrationError({
    code: "UNAUTHENTICATED",
    message: "send the user's access token as `Authorization: Bearer <token>`",
  });
}

function forbidden(message: string): IntegrationError {
  return new IntegrationError({ code: "FORBIDDEN", message });
}
