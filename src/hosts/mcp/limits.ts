import { IntegrationError } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";

/** Charges a named limit for the tenant. @throws IntegrationError RATE_LIMITED with `retryAfterMs` */
export async function chargeLimit(integration: Integration, name: string, tenant = "mcp"): Promise<void> {
  const { allowed, retryAfterMs, limit } = await integration.limits.checkAsync(name, tenant);
  if (allowed) return;
  throw new IntegrationError({
    code: "RATE_LIMITED",
    message: `the ${name} limit of ${limit} is used up`,
    retryAfterMs,
  });
}
