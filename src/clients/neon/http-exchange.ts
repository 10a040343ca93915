import { neonConfig } from "@neondatabase/serverless";
import { type FetchLike } from "../../core/index.ts";
import { authorityOf, type ConnectionTarget } from "./connection-string.ts";

/** What the driver hides of one HTTP request: filled in while it runs. */
export interface HttpExchange {
  /** Where to send it instead of the driver's choice. */
  readonly endpoint: string | undefined;
  readonly fetch: FetchLike | undefined;
  /** True as soon as the request may have left. */
  sent: boolean;
  status?: number;
  retryAfter?: string | null;
}

const exchangeKey = Symbol("enhanced-integration.exchange");
const hookBrand = Symbol.for("enhanced-integration.neon-fetch");
type Hook = ((url: string | URL, init?: RequestInit) => Promise<Response>) & { [hookBrand]?: true };

/** The stand-in serves SQL on its own port; a hosted database is found by the driver itself. */
export function newExchange(target: ConnectionTarget, fetch: FetchLike | undefined): HttpExchange {
  const endpoint = target.isLoopback ? `http://${authorityOf(target)}/sql` : undefined;
  return { endpoint, fetch, sent: false };
}

/**
 * Options that make the driver send one request by way of `exchange`. The driver knows only one, process-wide fetch
 * function; ours looks for the exchange in the request's own options and passes every other request on to whatever was
 * installed before. So any number of endpoints, clients and hosts' own uses of the driver live side by side.
 */
export function fetchOptionsOf(exchange: HttpExchange, signal: AbortSignal): Record<string | symbol, unknown> {
  installHook();
  return { signal, [exchangeKey]: exchange };
}

function installHook(): void {
  const previous = neonConfig.fetchFunction as Hook | undefined;
  if (previous?.[hookBrand]) return;
  const hook: Hook = async (url, init = {}) => {
    const { [exchangeKey]: exchange, ...rest } = init as RequestInit & { [exchangeKey]?: HttpExchange };
    if (!exchange) return (previous ?? globalThis.fetch)(url, init);
    exchange.sent = true;
    const response = await (exchange.fetch ?? previous ?? globalThis.fetch)(exchange.endpoint ?? url, rest);
    exchange.status = response.status;
    exchange.retryAfter = response.headers.get("retry-after");
    return response;
  };
  hook[hookBrand] = true;
  neonConfig.fetchFunction = hook;
}
