import { type Config } from "../config/index.ts";
import { type Clock, type EventBus, type FetchLike, type Redact } from "../core/index.ts";
import { CallTracing, loadOpenTelemetry, tracedFetch } from "../monitoring/index.ts";
import { type IntegrationOverrides } from "./overrides.ts";

type Overrides = IntegrationOverrides["tracing"];

export interface Tracing {
  readonly tracer: CallTracing;
  readonly fetch: (fetch: FetchLike) => FetchLike;
}

/** Undefined: calls are not traced, and nothing of OpenTelemetry is loaded. */
export function createTracing(
  config: Config,
  overrides: Overrides,
  clock: Clock,
  events: EventBus,
  redact: Redact,
): Tracing | undefined {
  if (!isWanted(config, overrides)) return undefined;
  const { api = loadOpenTelemetry(), propagation } = overrides || {};
  if (!api) return undefined;
  const tracer = new CallTracing({ api, clock, redact });
  tracer.observe(events);
  return { tracer, fetch: (fetch) => tracedFetch({ api, tracing: tracer, fetch, propagation }) };
}

/** A profile may have switched traces on that nobody asked for: what is missing is said, and no reason to stop. */
export function tracingWarning(
  config: Config,
  overrides: Overrides,
  tracing: Tracing | undefined,
): { readonly name: string; readonly message: string }[] {
  if (tracing || !isWanted(config, overrides)) return [];
  const message =
    "calls are not traced, because the package @opentelemetry/api is not installed: npm install @opentelemetry/api, or set it to false";
  return [{ name: "ENABLE_PERFORMANCE_TRACING", message }];
}

function isWanted(config: Config, overrides: Overrides): boolean {
  return overrides !== false && (overrides !== undefined || config.debug.performanceTracing);
}
