import { type BreakerListener } from "./breaker-options.ts";
import { type Surroundings } from "./call-context.ts";
import { type CircuitBreaker } from "./circuit-breaker.ts";
import { type PartPolicy, type ResolvedCallPolicy, resolveServicePolicy, type ServicePolicy } from "./policy.ts";
import { Service } from "./service.ts";
import { ServiceState, type ServiceStateOptions } from "./service-state.ts";

export interface ServiceRegistryOptions {
  readonly around: Surroundings;
  readonly defaults: ResolvedCallPolicy;
  readonly configured: Readonly<Record<string, ServicePolicy>>;
  /** Hears of every circuit. */
  readonly onEvent: BreakerListener;
  /** Shares the circuits with other processes. */
  readonly fleet: { join(breaker: CircuitBreaker): unknown } | undefined;
}

/** The services that a pipeline knows, and their parts: those configured, and those that were called. */
export class ServiceRegistry {
  readonly #options: ServiceRegistryOptions;
  readonly #known = new Map<string, Service>();

  /** @throws IntegrationError `INVALID_INPUT` for bad breaker settings */
  constructor(options: ServiceRegistryOptions) {
    this.#options = options;
    for (const name of Object.keys(options.configured)) this.get(name);
  }

  /** Whose state a call goes by. Nothing is put together here: this is on every call's way. */
  of({ service, part }: { readonly service: string; readonly part?: string | undefined }): ServiceState {
    const known = this.#known.get(service) ?? this.get(service);
    return part === undefined ? known.own : known.part(part);
  }

  get(name: string): Service {
    const known = this.#known.get(name);
    if (known) return known;
    const { parts = {}, ...policy } = this.#options.configured[name] ?? {};
    const own = this.#state(name, name, policy, {});
    const service = new Service(own, (part) =>
      this.#state(name, `${name}.parts.${part}`, { ...policy, ...parts[part] }, { part, whole: own.breaker }),
    );
    this.#known.set(name, service);
    for (const part of Object.keys(parts)) service.part(part);
    return service;
  }

  get all(): readonly Service[] {
    return [...this.#known.values()];
  }

  #state(service: string, setting: string, policy: PartPolicy, options: ServiceStateOptions): ServiceState {
    const { around, defaults, onEvent, fleet } = this.#options;
    const resolved = resolveServicePolicy(setting, defaults, policy);
    const state = new ServiceState(service, resolved, around, { ...options, onEvent });
    if (state.breaker) fleet?.join(state.breaker);
    return state;
  }
}
