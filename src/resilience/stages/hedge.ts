import { type HedgeRule, type IntegrationError } from "../../core/index.ts";
import { asOvertaken } from "../attempt.ts";
import { type CallContext } from "../call-context.ts";
import { Expiring } from "../deadline-watch.ts";
import { refusal } from "../refusal.ts";
import { isRefusal, mayRetry } from "../retry-rule.ts";
import { type Next, type Stage } from "./stage.ts";

/** A quantile of fewer durations is a guess. */
const MIN_SAMPLES = 20;
const DEFAULT_QUANTILE = 0.95;

/**
 * Makes a second attempt beside one that is slower than usual, and takes the first answer. Only where doing it twice is
 * the same as doing it once; paid for by the budget that retries share. The loser's signal fires.
 */
export const hedgeStage: Stage = {
  name: "hedge",

  run(call, next) {
    const rule = call.spec.hedge ?? call.service.policy.hedge;
    return rule && call.spec.idempotent === true && call.spec.write !== true ? race(call, rule, next) : next(call);
  },
};

function race(call: CallContext, rule: HedgeRule, next: Next): Promise<unknown> {
  const durations = call.service.durations(call.spec.operation);
  const startedAt = call.now;
  return new Promise((resolve, reject) => {
    let running = 0;
    let hedges = 0;
    let over = false;
    let worst: IntegrationError | undefined;
    const end = (): boolean => {
      if (over) return false;
      timer?.stop();
      return (over = true);
    };
    const run = () => {
      running += 1;
      const beganAt = call.now;
      next(call).then(
        (value) => {
          running -= 1;
          if (!end()) return;
          durations.add(call.now - beganAt);
          call.abandonAttempts(overtaken(call));
          resolve(value);
        },
        (failure: IntegrationError) => {
          running -= 1;
          // What the service said tells more than that a second attempt was turned away.
          if (!isRefusal(failure)) worst = failure;
          // Another attempt may still succeed, unless this one's answer is final.
          if (running > 0 && !call.cancelled && (isRefusal(failure) || mayRetry(failure, call))) return;
          if (!end()) return;
          call.abandonAttempts(overtaken(call));
          reject(call.cancelled ?? worst ?? failure);
        },
      );
    };
    const hedge = () => {
      if (over || call.cancelled || !call.attempt?.begun) return;
      hedges += 1;
      call.tick();
      if (!paid(call)) return;
      const { trace, spec, around } = call;
      const { service, operation } = spec;
      around.events?.emit("hedge.started", {
        callId: trace.callId,
        service,
        operation,
        afterMs: call.now - startedAt,
      });
      run();
      if (hedges < (rule.maxHedges ?? 1)) timer?.start();
    };
    const delayMs = delayOf(rule, durations);
    const timer = delayMs === undefined ? undefined : new HedgeTimer(call, delayMs, hedge);
    timer?.start();
    run();
  });
}

/** Undefined: not enough is known. */
function delayOf(rule: HedgeRule, durations: { readonly count: number; quantile(p: number): number }) {
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
  return asOvertaken(
    refusal({
      code: "ABORTED",
      message: `${spec.service}.${spec.operation}: another attempt of the call was faster`,
      service: spec.service,
      operation: spec.operation,
    }),
  );
}

/** Waits on the pipeline's one timer. */
class HedgeTimer extends Expiring {
  dueAt = Infinity;
  readonly #call: CallContext;
  readonly #delayMs: number;
  readonly #onDue: () => void;

  constructor(call: CallContext, delayMs: number, onDue: () => void) {
    super();
    this.#call = call;
    this.#delayMs = delayMs;
    this.#onDue = onDue;
  }

  start(): void {
    const { around, now } = this.#call;
    this.dueAt = now + this.#delayMs;
    around.deadlines.add(this, now);
  }

  stop(): void {
    this.#call.around.deadlines.remove(this);
  }

  expire(): void {
    this.#onDue();
  }
}
