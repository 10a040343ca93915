import { type ResolvedAnswerCache } from "./answer-cache.ts";
import { type Bulkhead } from "./bulkhead.ts";
import { type PipelineDescription } from "./pipeline-options.ts";
import { type ResolvedCallPolicy } from "./policy.ts";
import { type ServiceState } from "./service-state.ts";

/** Everything that a pipeline was made of, as plain data: what is unbounded is null. */
export function describePipeline(parts: {
  readonly rooms: readonly { readonly name: string }[];
  readonly defaults: ResolvedCallPolicy;
  readonly services: readonly ServiceState[];
  readonly limits: readonly object[];
  readonly process: Bulkhead;
  readonly cache: ResolvedAnswerCache;
}): PipelineDescription {
  const { rooms, defaults, services, limits, process, cache } = parts;
  const { deadlineMs, attemptTimeoutMs, hedge, idleTimeoutMs, ...retry } = defaults;
  const description = {
    stages: rooms.map(({ name }) => name),
    settings: {
      degradation: {
        ttlMs: cache.ttlMs,
        maxEntries: cache.maxEntries,
        maxBytes: cache.maxBytes,
        readOnly: Object.fromEntries(
          services.filter(({ readOnly }) => readOnly !== undefined).map(({ name, readOnly }) => [name, readOnly]),
        ),
      },
      deadline: { deadlineMs },
      retry,
      hedge: hedge || { enabled: false },
      "circuit breaker": perService(services, ({ policy }) => policy.breaker),
      "rate limit": { limits },
      concurrency: { process: process.options, services: perService(services, ({ policy }) => policy.concurrency) },
      "attempt timeout": { attemptTimeoutMs: attemptTimeoutMs ?? "a third of the deadline", idleTimeoutMs },
    },
    defaults,
    services: perService(services, ({ policy }) => policy),
    limits,
    maxConcurrent: process.options.max,
  };
  const finite = (_key: string, value: unknown) => (value === Infinity ? null : value);
  return JSON.parse(JSON.stringify(description, finite)) as PipelineDescription;
}

function perService<T>(services: readonly ServiceState[], part: (service: ServiceState) => T): Record<string, T> {
  return Object.fromEntries(services.map((service) => [service.name, part(service)]));
}
