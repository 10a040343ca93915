import { serializeList } from "structured-headers";
import { IntegrationError } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";
import { retryAfterSeconds } from "../caller-facing.ts";
import { refuseInvalidOptions, shown } from "../invalid-options.ts";
import { networkOf } from "./client-network.ts";
import { type ExpressRequest, type Handler } from "./handler.ts";

export interface RateLimitOptions {
  /** Who is charged. @defaultValue the user that `requireUser` let in, else the client's address (IPv6 by /56) */
  key?(request: ExpressRequest): string;
}

/**
 * Charges each request to a named limit (`scraping`, `analysis`, `search`, `upload` or `auth`), and says so in the
 * headers `RateLimit-Policy` and `RateLimit`. Beyond it a request ends with `RATE_LIMITED` and `Retry-After`.
 *
 * @throws IntegrationError INVALID_INPUT for an unknown limit
 * @see draft-ietf-httpapi-ratelimit-headers-10
 * @example
 * app.get("/search", requireUser(integration), rateLimit(integration, "search"), search);
 */
export function rateLimit(integration: Integration, name: string, options: RateLimitOptions = {}): Handler {
  const { limits } = integration.limits;
  const limit = limits.find((each) => each.name === name);
  refuseInvalidOptions("rateLimit", [
    !limit && `there is no limit ${shown(name)}; known are ${limits.map((each) => each.name).join(", ")}`,
  ]);
  const { requests, windowMs } = limit!;
  const policy = item(name, { q: requests, w: Math.ceil(windowMs / 1000) });
  return async (request, response, next) => {
    const key = options.key ? options.key(request) : subjectOf(request);
    const { allowed, remaining, resetMs, retryAfterMs } = await integration.limits.checkAsync(name, key);
    const seconds = allowed ? Math.ceil(resetMs / 1000) : retryAfterSeconds(retryAfterMs);
    // Several limits on one route are one list in several lines (RFC 9651, section 4.2).
    response.appendHeader("RateLimit-Policy", policy);
    response.appendHeader("RateLimit", item(name, { r: remaining, t: seconds }));
    if (allowed) return next();
    response.setHeader("Retry-After", String(seconds));
    throw new IntegrationError({
      code: "RATE_LIMITED",
      message: `too many requests for ${name}; try again in ${seconds} s`,
      retryAfterMs,
      details: { limit: name },
    });
  };
}

function item(name: string, parameters: Readonly<Record<string, number>>): string {
  return serializeList([[name, new Map(Object.entries(parameters))]]);
}

function subjectOf(request: ExpressRequest): string {
  const userId = request.integration?.user?.userId;
  return userId === undefined ? `ip:${networkOf(request.ip ?? "")}` : `user:${userId}`;
}
