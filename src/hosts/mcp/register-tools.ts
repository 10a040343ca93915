import { shown } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";
import { refuseInvalidOptions } from "../invalid-options.ts";
import { integrationHealth } from "./integration-health.ts";
import { registerTool, type ToolServer } from "./register-tool.ts";
import { scrapeListings } from "./scrape-listings.ts";
import { searchListings } from "./search-listings.ts";
import { type Tool } from "./tool.ts";

export type ToolFeature = "search" | "scraping" | "health";

export interface RegisterToolsOptions {
  /** Which groups of tools to offer. @defaultValue all */
  readonly features?: readonly ToolFeature[];
  /** Offers only tools that change nothing. @defaultValue false */
  readonly readOnly?: boolean;
  /**
   * Whose limits are charged, and whose listings are seen and written: sources are kept below `<tenant>.`. 1 to 39
   * letters, digits, `_` or `-`. @defaultValue one for all, who sees everything
   */
  readonly tenant?: string;
}

const toolsOf: Readonly<Record<ToolFeature, (integration: Integration) => Tool>> = {
  search: searchListings,
  scraping: scrapeListings,
  health: integrationHealth,
};
const allFeatures = Object.keys(toolsOf) as ToolFeature[];

/**
 * Adds the integration's tools to the host's own MCP server, of the official SDK's first or second generation. Cheap:
 * hosts that make a server per session or per request call it each time, with one integration for all.
 *
 * @returns the names of the tools that were registered
 * @throws IntegrationError INVALID_INPUT naming every wrong option
 * @example
 * const server = new McpServer({ name: "my-server", version: "1.0.0" });
 * registerTools(server, integration, { readOnly: true });
 */
export function registerTools(
  server: ToolServer,
  integration: Integration,
  options: RegisterToolsOptions = {},
): readonly string[] {
  const { features = allFeatures, readOnly = false, tenant } = options;
  const unknown = features.filter((feature) => !allFeatures.includes(feature));
  refuseInvalidOptions("registerTools", [
    unknown.length > 0 && `features are ${allFeatures.join(", ")}, got ${unknown.map(shown).join(", ")}`,
    // Without a dot, so that no tenant's name begins another's.
    tenant !== undefined &&
      !/^[\w-]{1,39}$/.test(tenant) &&
      `tenant must be 1 to 39 letters, digits, _ or -, got ${shown(tenant)}`,
  ]);
  const tools = allFeatures
    .filter((feature) => features.includes(feature))
    .map((feature) => toolsOf[feature](integration))
    .filter((tool) => !readOnly || tool.annotations.readOnlyHint);
  for (const tool of tools) registerTool(server, integration, tool, tenant);
  return tools.map(({ name }) => name);
}
