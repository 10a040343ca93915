import { z } from "zod";
import { type Integration } from "../../integration.ts";
import { type Tool } from "./tool.ts";

const status = z.enum(["up", "degraded", "down"]);
const input = z.strictObject({});
const output = z.object({
  status,
  checks: z.record(z.string(), z.object({ status, critical: z.boolean(), checkedAt: z.string() })),
});

/** `integration_health`: how the services are; why is for operators. */
export function integrationHealth(integration: Integration): Tool<typeof input, typeof output> {
  return {
    name: "integration_health",
    title: "Integration health",
    description:
      "Tells whether the database, authentication, storage, scraping and models answer, and what is degraded.",
    ...{ input, output },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    deadlineMs: 10_000,
    untrusted: false,
    run: () => integration.health(),
  };
}
