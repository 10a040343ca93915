import { z } from "zod";
import { type Integration } from "../../integration.ts";
import { type Tool } from "./tool.ts";

// Strict: a filter that is misspelt must not be dropped in silence, and the wrong houses shown.
const input = z.strictObject({
  text: z
    .string()
    .max(2000)
    .optional()
    .describe('What is wanted, in words, e.g. "older home near the water with a big lot under 700k"'),
  minPrice: z.number().min(0).optional().describe("US dollars"),
  maxPrice: z.number().min(0).optional().describe("US dollars"),
  minBedrooms: z.number().min(0).optional(),
  minBathrooms: z.number().min(0).optional(),
  zipcode: z.string().max(12).optional(),
  waterfront: z.boolean().optional(),
  limit: z.number().int().min(1).max(50).optional().describe("How many, 10 by default"),
});

const output = z.object({
  hits: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      description: z.string(),
      url: z.string(),
      price: z.number(),
      zipcode: z.string().nullable(),
      bedrooms: z.number().nullable(),
      bathrooms: z.number().nullable(),
      sqftLiving: z.number().nullable(),
      sqftLot: z.number().nullable(),
      yearBuilt: z.number().nullable(),
      waterfront: z.boolean(),
      score: z.number().describe("0 to 1, higher is nearer"),
    }),
  ),
  mode: z.enum(["hybrid", "vector", "filters"]),
});

/** `search_listings`: finds stored listings by meaning, words and facts. */
export function searchListings({ listings }: Integration): Tool<typeof input, typeof output> {
  return {
    name: "search_listings",
    title: "Search listings",
    description:
      "Finds stored property listings by meaning and by facts. Prices, rooms and zip codes may be named in the text.",
    ...{ input, output },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    deadlineMs: 30_000,
    limit: "search",
    untrusted: true,
    async run(request, { signal, tenant }) {
      const wanted = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
      const scope = tenant !== undefined && { sourcePrefix: `${tenant}.` };
      const hits = await listings.search({ ...wanted, ...scope, signal });
      return { hits, mode: hits.mode };
    },
  };
}
