import { type ResolvedAnswerCache } from "./answer-cache.ts";
import { type Bulkhead } from "./bulkhead.ts";
import { type PipelineDescription } from "./pipeline-options.ts";
import { type ResolvedCallPolicy } from "./policy.ts";
import { type Service } from "./service.ts";
import { type ServiceState } from "./service-state.ts";

/** Everything that a pipeline was made of, as plain data: what is unbounded is null. */
export function describePipeline(parts: {
  readonly rooms: readonly { readonly name: string }[];
  readonly defaults: ResolvedCallPolicy;
  readonly services: readonly Service[];
  readonly limits: readonly object[];
  readonly process: Bulkhead;
  readonly cache: ResolvedAnswerCache;
}): PipelineDescription {
  const { rooms, defaults, services, limits, process, cache } = parts;
  const { deadlineMs, attemptTimeoutMs, hedge, idleTimeoutMs, ...retry } = defaults;
  const states = services.flatMap((service) => service.states);
  const description = {
    stages: rooms.map(({ name }) => name),
    settings: {
      degradation: {
        ttlMs: cache.ttlMs,
        maxEntries: cache.maxEntries,
        maxBytes: cache.maxBytes,
        readOnly: byName(
          services.map(({ own }) => own).filter((state) => state.readOnly !== undefined),
          (state) => state.readOnly,
        ),
      },
      deadline: { deadlineMs },
      retry,
      hedge: hedge || { enabled: false },
      "circuit breaker": byName(states, ({ policy }) => policy.breaker),
      "rate limit": { limits },
      concurrency: { process: process.options, services: byName(states, ({ policy }) => policy.concurrency) },
      "attempt timeout": { attemptTimeoutMs: attemptTimeoutMs ?? "a third of the deadline", idleTimeoutMs },
    },
    defaults,
    services: Object.fromEntries(services.map((service) => [service.name, policiesOf(service)])),
    limits,
    maxConcurrent: process.options.max,
  };
  const finite = (_key: string, value: unknown) => (value === Infinity ? null : value);
  return JSON.parse(JSON.stringify(description, finite)) as PipelineDescription;
}

function byName<T>(states: readonly ServiceState[], of: (state: ServiceState) => T): Record<string, T> {
  return Object.fromEntries(states.map((state) => [state.name, of(state)]));
}

function policiesOf({ own, parts }: Service): object {
  if (parts.length === 0) return own.policy;
  return { ...own.policy, parts: Object.fromEntries(parts.map(({ part = "", policy }) => [part, policy])) };
}
