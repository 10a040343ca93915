import { z } from "zod";

const flag = z.boolean().optional();

const runFields = {
  url: z.url({ protocol: /^https?$/ }),
  goal: z.string().min(1),
  browser_profile: z.enum(["lite", "stealth"]).optional(),
  proxy_config: z
    .object({
      enabled: z.boolean(),
      type: z.enum(["tetra", "custom"]).optional(),
      country_code: z.enum(["US", "GB", "CA", "DE", "FR", "JP", "AU"]).optional(),
      url: z.string().optional(),
      username: z.string().optional(),
      password: z.string().optional(),
    })
    .refine((proxy) => proxy.type !== "custom" || proxy.url !== undefined, "a custom proxy needs url")
    .optional(),
  agent_config: z
    .object({
      mode: z.enum(["default", "strict"]).optional(),
      max_steps: z.int().min(1).max(500).optional(),
      max_duration_seconds: z.int().min(1).optional(),
    })
    .optional(),
  capture_config: z
    .object({ elements: flag, snapshots: flag, screenshots: flag, recording: flag, html: flag })
    .optional(),
  webhook_url: z.url({ protocol: /^https?$/ }).optional(),
  use_profile: flag,
  profile_id: z.string().optional(),
  use_vault: flag,
  credential_item_ids: z.array(z.string()).min(1).optional(),
  api_integration: z.string().optional(),
};
const outputSchema = z.record(z.string(), z.unknown()).optional();

/** The requests that the agent's endpoints take. */
export const runRequest = z.object({ ...runFields, output_schema: outputSchema });
export type RunRequest = z.infer<typeof runRequest>;

export const batchRequest = z.object({
  runs: z.array(z.object(runFields)).min(1).max(100),
  output_schema: outputSchema,
});

export const runIds = z.object({
  run_ids: z
    .array(z.string().regex(/^[A-Za-z0-9_-]+$/))
    .min(1)
    .max(100),
});

const date = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
export const listQuery = z.object({
  status: z.enum(["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]).optional(),
  goal: z.string().max(500).optional(),
  created_after: date.optional(),
  created_before: date.optional(),
  sort_direction: z.enum(["asc", "desc"]).default("desc"),
  cursor: z.string().regex(/^\d+$/).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
export type ListQuery = z.infer<typeof listQuery>;

export const searchQuery = z.object({
  query: z.string().min(1),
  purpose: z.string().max(2000).optional(),
  location: z.string().optional(),
  language: z.string().optional(),
  domain_type: z.enum(["web", "news", "research_paper"]).optional(),
  page: z.coerce.number().int().min(0).max(10).default(0),
});

export const fetchRequest = z.object({
  urls: z.array(z.string()).min(1).max(10),
  format: z.enum(["markdown", "html", "json"]).default("markdown"),
  links: flag,
  image_links: flag,
});
export type FetchRequest = z.infer<typeof fetchRequest>;
