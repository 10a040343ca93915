import { circuitName } from "../core/index.ts";
import { type BreakerListener } from "./breaker-options.ts";
import { Bulkhead } from "./bulkhead.ts";
import { type Surroundings } from "./call-context.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import { LatencyQuantile } from "./latency-quantile.ts";
import { type Occupancy } from "./pipeline-options.ts";
import { type ResolvedServicePolicy } from "./policy.ts";
import { RetryBudget } from "./retry-budget.ts";

/** Operations of one service that are told apart; they come from code, so a dozen is usual. */
const MAX_OPERATIONS = 200;

/** What else may be said of a {@link ServiceState}. */
export interface ServiceStateOptions {
  /** The part of the service that it is for. @defaultValue the service */
  readonly part?: string | undefined;
  /** The circuit of the service that it is a part of. */
  readonly whole?: CircuitBreaker | undefined;
  readonly onEvent?: BreakerListener;
  /** @defaultValue one of its own */
  readonly budget?: RetryBudget | undefined;
}

/** What the calls to one service share, or to one part of it: what is known of how it does. */
export class ServiceState {
  /** `supabase`, or `supabase.storage`. */
  readonly name: string;
  readonly part: string | undefined;
  readonly policy: ResolvedServicePolicy;
  readonly breaker: CircuitBreaker | undefined;
  /** The service's own circuit, if this is a part: what isolates the service by hand isolates its parts. */
  readonly whole: CircuitBreaker | undefined;
  readonly budget: RetryBudget | undefined;
  readonly bulkhead: Bulkhead;
  /** Why writes are refused; undefined: they are not. The service says so for all of its parts. */
  readOnly: string | undefined = undefined;
  readonly #durations = new Map<string, LatencyQuantile>();

  constructor(
    service: string,
    policy: ResolvedServicePolicy,
    around: Pick<Surroundings, "clock" | "random" | "deadlines">,
    options: ServiceStateOptions = {},
  ) {
    const { clock, random } = around;
    const { part, whole, onEvent, budget } = options;
    this.name = circuitName(service, part);
    this.part = part;
    this.policy = policy;
    this.breaker = policy.breaker
      ? new CircuitBreaker({ service, part, ...policy.breaker, clock, random, ...(onEvent && { onEvent }) })
      : undefined;
    this.whole = whole;
    this.budget = budget ?? (policy.budget ? new RetryBudget(policy.budget) : undefined);
    this.bulkhead = new Bulkhead(this.name, policy.concurrency, around);
  }

  /** How long an operation usually takes. Kept for calls that may be hedged alone. */
  durations(operation: string): LatencyQuantile {
    const key = this.#durations.has(operation) || this.#durations.size < MAX_OPERATIONS ? operation : "";
    let durations = this.#durations.get(key);
    if (!durations) this.#durations.set(key, (durations = new LatencyQuantile()));
    return durations;
  }
}

export function occupancyOf({ bulkhead: { inside, waiting, max } }: ServiceState): Occupancy {
  return { inFlight: inside, waiting, max };
}
