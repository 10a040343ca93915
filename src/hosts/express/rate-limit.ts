import { serializeList } from "structured-headers";
import { addressKey, DEFAULT_IPV6_PREFIX_BITS, IntegrationError, shown } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";
import { retryAfterSeconds } from "../caller-facing.ts";
import { refuseInvalidOptions } from "../invalid-options.ts";
import { type ExpressRequest, type Handler } from "./handler.ts";

export interface RateLimitOptions {
  /** Who is charged. @defaultValue the user that `requireUser` let in, else the client's address, IPv6 by its subnet */
  key?(request: ExpressRequest): string;
  /** Leading bits of an IPv6 address that stand for one client, 48 to 128. @defaultValue 56 */
  readonly ipv6PrefixBits?: number;
}

/**
 * Charges each request to a named limit (`scraping`, `analysis`, `search`, `upload` or `auth`), and says so in the
 * headers `RateLimit-Policy` and `RateLimit`. Beyond it a request ends with `RATE_LIMITED` and `Retry-After`. Of a limit
 * with several policies all are named (`search:10/1s`), and the weakest one's state is told.
 *
 * @param integration or `{ limits }` with a host's own RateLimiter
 * @throws IntegrationError INVALID_INPUT for an unknown limit, or a prefix out of range
 * @see draft-ietf-httpapi-ratelimit-headers-10
 * @example
 * app.get("/search", requireUser(integration), rateLimit(integration, "search"), search);
 */
export function rateLimit(
  integration: Pick<Integration, "limits">,
  name: string,
  options: RateLimitOptions = {},
): Handler {
  const { limits } = integration.limits;
  const limit = limits.find((each) => each.name === name);
  const { ipv6PrefixBits = DEFAULT_IPV6_PREFIX_BITS } = options;
  refuseInvalidOptions("rateLimit", [
    !(Number.isInteger(ipv6PrefixBits) && ipv6PrefixBits >= 48 && ipv6PrefixBits <= 128) &&
      `ipv6PrefixBits must be a whole number from 48 to 128, got ${shown(ipv6PrefixBits)}`,
    !limit && `there is no limit ${shown(name)}; known are ${limits.map((each) => each.name).join(", ")}`,
  ]);
  const policy = policiesOf(limit!);
  return async (request, response, next) => {
    const key = options.key ? options.key(request) : subjectOf(request, ipv6PrefixBits);
    const {
      allowed,
      remaining,
      resetMs,
      retryAfterMs,
      policy: weakest,
    } = await integration.limits.checkAsync(name, key, {}, { requestId: request.integration?.requestId });
    const seconds = allowed ? Math.ceil(resetMs / 1000) : retryAfterSeconds(retryAfterMs);
    // Several limits on one route are one list in several lines (RFC 9651, section 4.2).
    response.appendHeader("RateLimit-Policy", policy);
    response.appendHeader("RateLimit", list([nameOf(name, weakest), { r: remaining, t: seconds }]));
    if (allowed) return next();
    response.setHeader("Retry-After", String(seconds));
    throw new IntegrationError({
      code: "RATE_LIMITED",
      message: `too many requests for ${name}; try again in ${seconds} s`,
      retryAfterMs,
      details: { limit: name, ...(weakest !== undefined && { policy: weakest }) },
    });
  };
}

function policiesOf({ name, requests, windowMs, policies }: Integration["limits"]["limits"][number]): string {
  const each = policies ?? [{ name: undefined, requests, windowMs }];
  return list(
    ...each.map(({ name: policy, requests: q, windowMs: ms }): Item => [
      nameOf(name, policy),
      { q, w: Math.ceil(ms / 1000) },
    ]),
  );
}

/** Limits of one route share a list: a policy is named after its limit. */
const nameOf = (limit: string, policy: string | undefined): string =>
  policy === undefined ? limit : `${limit}:${policy}`;

type Item = readonly [name: string, parameters: Readonly<Record<string, number>>];

function list(...items: readonly Item[]): string {
  return serializeList(items.map(([name, parameters]) => [name, new Map(Object.entries(parameters))]));
}

function subjectOf(request: ExpressRequest, ipv6PrefixBits: number): string {
  const userId = request.integration?.user?.userId;
  return userId === undefined ? `ip:${addressKey(request.ip ?? "", ipv6PrefixBits)}` : `user:${userId}`;
}
