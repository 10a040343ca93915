import { type Request, type RequestHandler } from "express";
import ipaddr from "ipaddr.js";
import { serializeList } from "structured-headers";
import { IntegrationError } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";

export interface RateLimitOptions {
  /** Who is charged. @defaultValue the verified user, else the client's address (IPv6 by /56, mapped IPv4 as IPv4) */
  readonly key?: (request: Request) => string;
}

/**
 * Charges each request to a named limit (`scraping`, `analysis`, `search`, `upload`, `auth`, or one of the host's own)
 * and says so in the standard headers `RateLimit-Policy`, `RateLimit` and, on refusal, `Retry-After`.
 *
 * @see draft-ietf-httpapi-ratelimit-headers-10
 */
export function rateLimit(integration: Integration, name: string, options: RateLimitOptions = {}): RequestHandler {
  const key = options.key ?? subjectOf;
  const { requests, windowMs } = limitOf(integration, name);
  const policy = serializeList([
    [
      name,
      new Map<string, number>([
        ["q", requests],
        ["w", Math.ceil(windowMs / 1000)],
      ]),
    ],
  ]);
  return async (request, response, next) => {
    const decision = await integration.limits.checkAsync(name, key(request));
    const seconds = Math.ceil((decision.allowed ? decision.resetMs : decision.retryAfterMs) / 1000);
    response.setHeader("RateLimit-Policy", policy);
    response.setHeader(
      "RateLimit",
      serializeList([
        [
          name,
          new Map<string, number>([
            ["r", decision.remaining],
            ["t", seconds],
          ]),
        ],
      ]),
    );
    if (decision.allowed) return next();
    throw new IntegrationError({
      code: "RATE_LIMITED",
      message: `too many requests for ${name}; try again in ${seconds} s`,
      retryAfterMs: decision.retryAfterMs,
      details: { violatedPolicies: [name] },
    });
  };
}

function limitOf(integration: Integration, name: string): { readonly requests: number; readonly windowMs: number } {
  const limits = integration.limits.limits;
  const found = limits.find((limit) => limit.name === name);
  if (found) return found;
  const known = limits.map((limit) => limit.name).join(", ");
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message: `rateLimit: there is no limit "${name}"; known are ${known}`,
  });
}

function subjectOf(request: Request): string {
  const userId = request.integration?.user?.userId;
  return userId === undefined ? `ip:${networkOf(request.ip ?? "")}` : `user:${userId}`;
}

/** One household or office rarely has less than a /56 of IPv6, and a single machine has all of it. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return "unknown";
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  const bytes = parsed.toByteArray();
  return `${ipaddr.fromByteArray([...bytes.slice(0, 7), ...new Array<number>(9).fill(0)]).toString()}/56`;
}
