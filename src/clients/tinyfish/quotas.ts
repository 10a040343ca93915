const ofOperation: Readonly<Record<string, string>> = {
  search: "tinyfish.search",
  fetch: "tinyfish.fetch",
  wallet: "tinyfish.wallet",
  createRun: "tinyfish.runs",
  createBatch: "tinyfish.runs",
  streamRun: "tinyfish.runs",
};

/** The limit of the account's that an operation draws on: ordering runs is limited apart from looking at them. */
export function quotaOfOperation(operation: string): string {
  return ofOperation[operation] ?? "tinyfish.agent";
}

/** The same of a request. Undefined for the wallet, by which health is asked. */
export function quotaOfUrl(url: string): string | undefined {
  const { hostname, pathname } = new URL(url);
  if (hostname.startsWith("api.search.") || pathname.endsWith("/v1/search")) return "tinyfish.search";
  if (hostname.startsWith("api.fetch.") || pathname.endsWith("/v1/fetch")) return "tinyfish.fetch";
  if (pathname.endsWith("/v1/wallet")) return undefined;
  return pathname.includes("/v1/automation/") ? "tinyfish.runs" : "tinyfish.agent";
}
