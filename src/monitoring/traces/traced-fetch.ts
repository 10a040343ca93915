import { channel } from "node:diagnostics_channel";
import { type FetchLike } from "../../core/index.ts";
import { type CallTracing } from "./call-tracing.ts";
import { type OpenTelemetryApi } from "./opentelemetry-api.ts";

/** Who passes the trace on to the services. */
export type TracePropagation = "auto" | "always" | "never";

export interface TracedFetchOptions {
  readonly api: OpenTelemetryApi;
  readonly tracing: CallTracing;
  readonly fetch: FetchLike;
  /**
   * `auto`: requests carry the trace, unless somebody listens to undici's requests, because such instrumentation adds the
   * headers itself and twice is as good as not at all.
   *
   * @defaultValue "auto"
   */
  readonly propagation?: TracePropagation | undefined;
}

/** The W3C's two; baggage may hold what the host tells nobody else. @see https://www.w3.org/TR/trace-context/ */
const traceHeaders = ["traceparent", "tracestate"] as const;
/** What a browser or Node would not send to another origin, and the names that our services give their keys. */
const credentials = ["authorization", "cookie", "proxy-authorization", "apikey", "x-api-key", "neon-connection-string"];

const undiciRequests = channel("undici:request:create");
const MAX_REDIRECTS = 20;

/**
 * A `fetch` that tells the attempt's span of its requests and passes the trace on. Redirects are followed here, because
 * Node would send the headers to whatever origin an answer points to.
 */
export function tracedFetch({ api, tracing, fetch, propagation = "auto" }: TracedFetchOptions): FetchLike {
  return async (input, init = {}) => {
    const url = new URL(input);
    const method = init.method ?? "GET";
    tracing.describeAttempt({
      "http.request.method": method,
      "server.address": url.hostname,
      "server.port": Number(url.port) || (url.protocol === "http:" ? 80 : 443),
      "url.full": `${url.origin}${url.pathname}`,
    });
    const carrier = passesOn(propagation) ? traceOf(api) : {};
    const response = await (Object.keys(carrier).length === 0
      ? fetch(input, init)
      : following(fetch, url, withHeaders(init, carrier)));
    tracing.describeAttempt({ "http.response.status_code": response.status });
    return response;
  };
}

function passesOn(propagation: TracePropagation): boolean {
  return propagation === "always" || (propagation === "auto" && !undiciRequests.hasSubscribers);
}

/** The active context as the host's propagator writes it; empty where there is none. */
function traceOf(api: OpenTelemetryApi): Record<string, string> {
  const written: Record<string, string> = {};
  api.propagation.inject(api.context.active(), written);
  return Object.fromEntries(traceHeaders.flatMap((name) => (written[name] ? [[name, written[name]]] : [])));
}

function withHeaders(init: RequestInit, added: Readonly<Record<string, string>>): RequestInit {
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(added)) if (!headers.has(name)) headers.set(name, value);
  return { ...init, headers };
}

/** Follows redirects as Fetch's standard says. @see https://fetch.spec.whatwg.org/#http-redirect-fetch */
async function following(fetch: FetchLike, url: URL, init: RequestInit): Promise<Response> {
  if (init.redirect !== undefined && init.redirect !== "follow") return fetch(url.href, init);
  let [target, request] = [url, init];
  for (let count = 0; ; count += 1) {
    const response = await fetch(target.href, { ...request, redirect: "manual" });
    const location = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, target);
    if (count === MAX_REDIRECTS) throw new TypeError("fetch failed", { cause: new Error("redirect count exceeded") });
    request = redirected(request, response.status, next.origin === target.origin);
    target = next;
  }
}

function redirected(request: RequestInit, status: number, sameOrigin: boolean): RequestInit {
  const { body, ...rest } = request;
  const headers = new Headers(request.headers);
  const method = (request.method ?? "GET").toUpperCase();
  const becomesGet = status === 303 ? method !== "HEAD" : status <= 302 && method === "POST";
  if (!sameOrigin) for (const name of [...traceHeaders, ...credentials]) headers.delete(name);
  if (becomesGet) {
    for (const name of [...headers.keys()]) if (name.startsWith("content-")) headers.delete(name);
    return { ...rest, headers, method: method === "HEAD" ? "HEAD" : "GET" };
  }
  if (body instanceof ReadableStream)
    throw new TypeError("fetch failed", { cause: new Error("a redirect asks for a body that was already sent") });
  return { ...request, headers };
}
