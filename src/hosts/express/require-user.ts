import { type RequestHandler } from "express";
import { IntegrationError } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";
import { stateOf } from "./integration-middleware.ts";

export interface RequireUserOptions {
  /** Least authenticator assurance level, e.g. `aal2` for a second factor. */
  readonly aal?: "aal1" | "aal2";
  /** The role that the token must name. */
  readonly role?: string;
}

/** Lets only requests with a genuine user token pass; the user is then at `req.integration.user`. */
export function requireUser(_integration: Integration, options: RequireUserOptions = {}): RequestHandler {
  return async (request, _response, next) => {
    const user = await stateOf(request).verifyUser();
    if (options.role !== undefined && user.role !== options.role)
      throw new IntegrationError({ code: "FORBIDDEN", message: `this needs the role ${options.role}` });
    if (options.aal === "aal2" && user.aal !== "aal2")
      throw new IntegrationError({
        code: "FORBIDDEN",
        message: "this needs a second factor (aal2): sign in with it and try again",
      });
    next();
  };
}
