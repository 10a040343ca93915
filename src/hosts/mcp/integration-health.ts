import { z } from "zod";
import { type Integration } from "../../integration.ts";
import { type Tool } from "./tool.ts";

const output = z.object({
  status: z.enum(["up", "degraded", "down"]),
  checks: z.record(z.string(), z.looseObject({ status: z.string() })),
});

/** `integration_health`: how the four services are. */
export function integrationHealth(integration: Integration): Tool<z.ZodObject<Record<never, never>>, typeof output> {
  return {
    name: "integration_health",
    title: "Integration health",
    description:
      "Tells whether the database, authentication, storage, scraping and models answer, and what is degraded.",
    input: z.object({}),
    output,
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    deadlineMs: 10_000,
    untrusted: false,
    run: async () => output.parse(await integration.health()),
  };
}
