import { type Integration } from "../../integration.ts";
import { integrationHealth } from "./integration-health.ts";
import { scrapeListings } from "./scrape-listings.ts";
import { searchListings } from "./search-listings.ts";
import { registerTool, type ToolServer } from "./tool.ts";

export type ToolFeature = "search" | "scraping" | "health";

export interface RegisterToolsOptions {
  /** Which groups of tools to offer. @defaultValue all */
  readonly features?: readonly ToolFeature[];
  /** Offers only tools that change nothing. @defaultValue false */
  readonly readOnly?: boolean;
  /** Whose limits are charged, and whose listings are seen and written: sources are kept below `<tenant>.`. @defaultValue one for all */
  readonly tenant?: string;
}

/**
 * Adds the integration's tools to the host's own MCP server, of the official SDK's first or second generation.
 *
 * @returns the names of the tools that were registered
 * @example
 * const server = new McpServer({ name: "my-server", version: "1.0.0" });
 * registerTools(server, integration, { readOnly: true });
 */
export function registerTools(
  server: ToolServer,
  integration: Integration,
  options: RegisterToolsOptions = {},
): readonly string[] {
  const { features = ["search", "scraping", "health"], readOnly = false, tenant } = options;
  const names: string[] = [];
  if (features.includes("search")) names.push(register(searchListings(integration, tenant)));
  if (features.includes("scraping") && !readOnly) names.push(register(scrapeListings(integration, tenant)));
  if (features.includes("health")) names.push(register(integrationHealth(integration)));
  return names;

  function register(tool: Parameters<typeof registerTool>[2]): string {
    registerTool(server, integration, tool);
    return tool.name;
  }
}
