const ofOperation: Readonly<Record<string, string>> = {
  search: "tinyfish.search",
  fetch: "tinyfish.fetch",
  wallet: "tinyfish.wallet",
  createRun: "tinyfish.runs",
  createBatch: "tinyfish.runs",
  streamRun: "tinyfish.runs",
};

/**
 * What answers an operation: search and fetch are hosts of their own beside the agent's, and fail by themselves. And the
 * limit of the account's that it draws on: ordering runs is limited apart from looking at them.
 */
export function answererOf(operation: string): { readonly part: string; readonly quota: string } {
  const part = operation === "search" || operation === "fetch" ? operation : "agent";
  return { part, quota: ofOperation[operation] ?? "tinyfish.agent" };
}

/** The limit that a request draws on. Undefined for the wallet, by which health is asked. */
export function quotaOfUrl(url: string): string | undefined {
  const { hostname, pathname } = new URL(url);
  if (hostname.startsWith("api.search.") || pathname.endsWith("/v1/search")) return "tinyfish.search";
  if (hostname.startsWith("api.fetch.") || pathname.endsWith("/v1/fetch")) return "tinyfish.fetch";
  if (pathname.endsWith("/v1/wallet")) return undefined;
  return pathname.includes("/v1/automation/") ? "tinyfish.runs" : "tinyfish.agent";
}
