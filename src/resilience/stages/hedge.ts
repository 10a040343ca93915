import { type AsyncResource } from "node:async_hooks";
import { type HedgeRule, type IntegrationError } from "../../core/index.ts";
import { asOvertaken } from "../attempt.ts";
import { type CallContext } from "../call-context.ts";
import { Expiring } from "../deadline-watch.ts";
import { type LatencyQuantile } from "../latency-quantile.ts";
import { refusal } from "../refusal.ts";
import { isRefusal, mayRetry } from "../retry-rule.ts";
import { type Ending, type Next, type Stage } from "./stage.ts";

/** A quantile of fewer durations is a guess. */
const MIN_SAMPLES = 20;
const DEFAULT_QUANTILE = 0.95;

/**
 * Makes a second attempt beside one that is slower than usual, and takes the first answer. Only where doing it twice is
 * the same as doing it once; paid for by the budget that retries share. The loser's signal fires.
 */
export const hedgeStage: Stage = {
  name: "hedge",

  around: (next) => (call, ending) => {
    const { spec, service } = call;
    const rule = spec.hedge ?? service.policy.hedge;
    if (rule && spec.idempotent === true && spec.write !== true) new Race(call, rule, ending, next).start();
    else next(call, ending);
  },
};

/** The attempts of one call that run side by side. */
class Race extends Expiring {
  /** When the next hedge is due. */
  dueAt = Infinity;
  readonly #call: CallContext;
  readonly #rule: HedgeRule;
  readonly #ending: Ending;
  readonly #next: Next;
  readonly #durations: LatencyQuantile;
  readonly #startedAt: number;
  #running = 0;
  #hedges = 0;
  #over = false;
  /** What the service said last: it tells more than that a second attempt was turned away. */
  #said: IntegrationError | undefined = undefined;

  constructor(call: CallContext, rule: HedgeRule, ending: Ending, next: Next) {
    super();
    this.#call = call;
    this.#rule = rule;
    this.#ending = ending;
    this.#next = next;
    this.#durations = call.service.durations(call.spec.operation);
    this.#startedAt = call.now;
  }

  override get home(): AsyncResource {
    return this.#call.home;
  }

  start(): void {
    this.#setTimer();
    this.#run();
  }

  /** The moment of a hedge has come. An attempt that has not begun is not slow: it waits, and so would its hedge. */
  expire(): void {
    const call = this.#call;
    if (!call.attempt?.begun || call.cancelled) return;
    call.tick();
    if (!paid(call)) return;
    this.#hedges += 1;
    const { trace, around, now } = call;
    const { callId, service, operation, span } = trace;
    const afterMs = now - this.#startedAt;
    const traceId = span?.traceId;
    around.events?.emit("hedge.started", {
      ...{ callId, service, operation, afterMs },
      ...(traceId !== undefined && { traceId }),
    });
    if (this.#hedges < (this.#rule.maxHedges ?? 1)) this.#setTimer();
    this.#run();
  }

  #run(): void {
    this.#running += 1;
    const beganAt = this.#call.now;
    this.#next(this.#call, {
      done: (value) => {
        if (!this.#end()) return;
        this.#durations.add(this.#call.now - beganAt);
        this.#ending.done(value);
      },
      failed: (error) => this.#failed(error),
    });
  }

  #failed(error: IntegrationError): void {
    const call = this.#call;
    this.#running -= 1;
    const refused = isRefusal(error);
    if (!refused) this.#said = error;
    // Another attempt may still succeed, unless this one's answer is final.
    if (this.#running > 0 && !call.cancelled && (refused || mayRetry(error, call))) return;
    if (this.#end()) this.#ending.failed(call.cancelled ?? this.#said ?? error);
  }

  /** The others are let go. @returns false if it was over already */
  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#call.around.deadlines.remove(this);
    this.#call.abandonAttempts((call) => call.cancelled ?? overtaken(call));
    return true;
  }

  #setTimer(): void {
    const delayMs = delayOf(this.#rule, this.#durations);
    if (delayMs === undefined) return;
    const { around, now } = this.#call;
    this.dueAt = now + delayMs;
    around.deadlines.add(this, now);
  }
}

/** Undefined: not enough is known. */
function delayOf(rule: HedgeRule, durations: LatencyQuantile): number | undefined {
  if (rule.afterMs !== undefined) return rule.afterMs;
  return durations.count < MIN_SAMPLES ? undefined : durations.quantile(rule.afterP ?? DEFAULT_QUANTILE);
}

function paid(call: CallContext): boolean {
  const { budget } = call.service;
  if (!budget || budget.trySpend()) return true;
  call.refused("hedge", refusal({ code: "BUDGET_EXHAUSTED", message: "no budget is left for a second attempt" }));
  return false;
}

function overtaken({ spec }: CallContext): IntegrationError {
  const { service, operation } = spec;
  const message = `${service}.${operation}: another attempt of the call was faster`;
  return asOvertaken(refusal({ code: "ABORTED", message, service, operation }));
}
