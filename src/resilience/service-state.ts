import { type BreakerListener } from "./breaker-options.ts";
import { Bulkhead } from "./bulkhead.ts";
import { type Surroundings } from "./call-context.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import { LatencyQuantile } from "./latency-quantile.ts";
import { type ResolvedServicePolicy } from "./policy.ts";
import { RetryBudget } from "./retry-budget.ts";

/** Operations of one service that are told apart; they come from code, so a dozen is usual. */
const MAX_OPERATIONS = 200;

/** What the calls to one service share. */
export class ServiceState {
  readonly name: string;
  readonly policy: ResolvedServicePolicy;
  readonly breaker: CircuitBreaker | undefined;
  readonly budget: RetryBudget | undefined;
  readonly bulkhead: Bulkhead;
  /** Why writes are refused; undefined: they are not. */
  readOnly: string | undefined = undefined;
  /** Who wants them refused, and why. */
  readonly #holds = new Map<string, string>();
  readonly #durations = new Map<string, LatencyQuantile>();

  constructor(
    name: string,
    policy: ResolvedServicePolicy,
    around: Pick<Surroundings, "clock" | "random" | "deadlines">,
    parts: { readonly onEvent?: BreakerListener; readonly budget?: RetryBudget | undefined } = {},
  ) {
    const { clock, random } = around;
    const { onEvent } = parts;
    this.name = name;
    this.policy = policy;
    this.breaker = policy.breaker
      ? new CircuitBreaker({ service: name, ...policy.breaker, clock, random, ...(onEvent && { onEvent }) })
      : undefined;
    this.budget = parts.budget ?? (policy.budget ? new RetryBudget(policy.budget) : undefined);
    this.bulkhead = new Bulkhead(name, policy.concurrency, around);
  }

  /** @param reason why writes are to be refused as far as `by` is concerned; undefined takes it back */
  hold(by: string, reason: string | undefined): void {
    if (reason === undefined) this.#holds.delete(by);
    else this.#holds.set(by, reason);
    this.readOnly = [...this.#holds.values()].at(-1);
  }

  /** How long an operation usually takes. Kept for calls that may be hedged alone. */
  durations(operation: string): LatencyQuantile {
    const key = this.#durations.has(operation) || this.#durations.size < MAX_OPERATIONS ? operation : "";
    let durations = this.#durations.get(key);
    if (!durations) this.#durations.set(key, (durations = new LatencyQuantile()));
    return durations;
  }
}
