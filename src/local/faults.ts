/** The stand-ins' names, as faults and counts use them; `neon-api` is Neon's management and Data API. */
export type StandInName = "neon" | "neon-api" | "supabase" | "tinyfish" | "ollama";

/** What can go wrong with one request. */
export type Fault =
  /** Answers late. */
  | { readonly kind: "latency"; readonly ms: number }
  /** Cuts the connection: `before` the work is done, or `after` it, when only the answer is lost. */
  | { readonly kind: "reset"; readonly phase?: "before" | "after" }
  /** Accepts the request and never answers. */
  | { readonly kind: "stall" }
  /** Answers with a status of its own; 429 and 503 may say when to come back. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfterSeconds?: number };

export interface FaultOptions {
  /** How many requests it hits. @defaultValue 1 */
  readonly times?: number;
  /** Lets so many matching requests pass first. @defaultValue 0 */
  readonly skip?: number;
  /** Only requests whose `METHOD /path` matches. @defaultValue all */
  readonly match?: RegExp;
}

export interface FaultHandle {
  /** Requests hit so far. */
  readonly fired: number;
  readonly fault: Fault;
  cancel(): void;
}

interface Rule extends FaultHandle {
  fired: number;
  remaining: number;
  skip: number;
  readonly match: RegExp | undefined;
}

/**
 * The knobs of the local stack: what shall go wrong, where, and how often.
 *
 * @example
 * stack.faults.inject("neon", { kind: "reset", phase: "after" }, { times: 2, match: /^POST \/sql/ });
 */
export class FaultPlan {
  readonly #rules = new Map<StandInName, Rule[]>();
  readonly #requests = new Map<StandInName, number>();
  readonly #fired = new Map<StandInName, number>();

  inject(service: StandInName, fault: Fault, options: FaultOptions = {}): FaultHandle {
    const rules = this.#rules.get(service) ?? [];
    this.#rules.set(service, rules);
    const rule: Rule = {
      fault,
      fired: 0,
      remaining: options.times ?? 1,
      skip: options.skip ?? 0,
      match: options.match,
      cancel: () => void (rule.remaining = 0),
    };
    rules.push(rule);
    return rule;
  }

  /** Takes every fault back. */
  clear(): void {
    this.#rules.clear();
  }

  /** Requests that reached a stand-in, faulted ones included. */
  requests(service: StandInName): number {
    return this.#requests.get(service) ?? 0;
  }

  /** Requests that suffered a fault. */
  fired(service: StandInName): number {
    return this.#fired.get(service) ?? 0;
  }

  /** Asked by a stand-in for each request: the fault that it must suffer, if any. */
  next(service: StandInName, request: string): Fault | undefined {
    this.#requests.set(service, this.requests(service) + 1);
    const rule = this.#rules
      .get(service)
      ?.find((each) => each.remaining > 0 && (!each.match || each.match.test(request)));
    if (!rule) return undefined;
    if (rule.skip > 0) {
      rule.skip -= 1;
      return undefined;
    }
    rule.remaining -= 1;
    rule.fired += 1;
    this.#fired.set(service, this.fired(service) + 1);
    return rule.fault;
  }
}
