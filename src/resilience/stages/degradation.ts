import { type CacheRule, type CallSpec, type DegradedReason, IntegrationError, raceSignal } from "../../core/index.ts";
import { type Answer, type AnswerCache, type Landing } from "../answer-cache.ts";
import { type CallContext } from "../call-context.ts";
import { degradedReason } from "../degraded-reason.ts";
import { refusal } from "../refusal.ts";
import { type Next, promised, type Stage } from "./stage.ts";

/**
 * Answers from the cache where the call allows it: while it is fresh, while a newer one is fetched, and where the service
 * cannot answer. One call per key is under way; others wait for its answer. Refuses writes to a service that is
 * read-only.
 */
export function degradationStage(answers: AnswerCache): Stage {
  return {
    name: "degradation",

    around: (next) => (call, ending) => {
      const { spec, service } = call;
      if (service.readOnly !== undefined && isWrite(spec)) return ending.failed(readOnly(call));
      if (!spec.cache) return next(call, ending);
      new CachedCall(answers, call, spec.cache, next).answer().then(
        (value) => ending.done(value),
        (error: IntegrationError) => ending.failed(error),
      );
    },
  };
}

/** Where the cache keeps the answer to a call. */
export function answerKey(service: string, operation: string, key: string): string {
  return `${service}\u0000${operation}\u0000${key}`;
}

class CachedCall {
  readonly #answers: AnswerCache;
  readonly #call: CallContext;
  readonly #rule: CacheRule;
  readonly #next: Next;
  readonly #key: string;

  constructor(answers: AnswerCache, call: CallContext, rule: CacheRule, next: Next) {
    this.#answers = answers;
    this.#call = call;
    this.#rule = rule;
    this.#next = next;
    this.#key = answerKey(call.spec.service, call.spec.operation, rule.key);
  }

  async answer(): Promise<unknown> {
    const call = this.#call;
    const { ttlMs = this.#answers.options.ttlMs, staleWhileRevalidateMs = 0 } = this.#rule;
    const known = this.#known();
    if (known && !call.spec.signal?.aborted) {
      if (known.ageMs < ttlMs) return this.#give(known, "fresh");
      if (known.ageMs < ttlMs + staleWhileRevalidateMs) {
        this.#refresh();
        return this.#give(known, "stale", "revalidating");
      }
    }
    try {
      return await this.#fetch();
    } catch (thrown) {
      const stale = this.#instead(thrown);
      if (!stale) throw thrown;
      return this.#give(stale, "stale", stale.reason);
    }
  }

  /** Asks the service, or waits for a call that does. */
  async #fetch(): Promise<unknown> {
    const call = this.#call;
    for (;;) {
      const flight = this.#answers.flights.get(this.#key);
      if (!flight) return this.#lead(call);
      call.open();
      const landed = await call.waiting("single flight", () => raceSignal(flight, call.signal));
      // The one who asked has left before there was an answer: whoever comes first asks in its place.
      if (landed === "left") continue;
      if ("error" in landed) throw ownError(landed.error);
      call.answeredFromCache("joined", 0);
      return landed.value;
    }
  }

  /** Asks the service for all who want to know. */
  async #lead(call: CallContext): Promise<unknown> {
    const { flights } = this.#answers;
    let land: (result: Landing) => void = () => {};
    const flight = new Promise<Landing>((resolve) => (land = resolve));
    flights.set(this.#key, flight);
    try {
      const value = await promised(call, this.#next);
      // Forgotten meanwhile: what was asked for before that may be wrong by now.
      const isKept = flights.get(this.#key) === flight && this.#rule.keepIf?.(value) !== false;
      if (isKept) this.#answers.set(this.#key, { value, storedAt: call.now });
      land({ value });
      return value;
    } catch (error) {
      // Its own deadline or its caller's wish ended it: that is nobody else's failure.
      land(call.cancelled ? "left" : { error });
      throw error;
    } finally {
      if (flights.get(this.#key) === flight) flights.delete(this.#key);
    }
  }

  /** Fetches a newer answer behind the caller's back, unless somebody does already. */
  #refresh(): void {
    if (this.#answers.flights.has(this.#key)) return;
    this.#call.around.behind?.(this.#call, (behind) => this.#lead(behind));
  }

  #known(): (Answer & { readonly ageMs: number }) | undefined {
    const answer = this.#answers.get(this.#key);
    return answer && { ...answer, ageMs: this.#call.now - answer.storedAt };
  }

  /** What may be given in place of a failure. */
  #instead(thrown: unknown): (Answer & { readonly ageMs: number; readonly reason: DegradedReason }) | undefined {
    const { ttlMs = this.#answers.options.ttlMs, staleIfErrorMs = 0 } = this.#rule;
    const reason = IntegrationError.isInstance(thrown) ? degradedReason(thrown) : undefined;
    const known = reason && this.#known();
    return known && known.ageMs < ttlMs + staleIfErrorMs ? { ...known, reason } : undefined;
  }

  #give(
    { value, ageMs }: Answer & { readonly ageMs: number },
    kind: "fresh" | "stale",
    reason?: DegradedReason,
  ): unknown {
    this.#call.answeredFromCache(kind, ageMs, reason);
    return value;
  }
}

/** The same failure as an error of one's own: each call fills in who it was. */
function ownError(thrown: unknown): unknown {
  if (!IntegrationError.isInstance(thrown)) return thrown;
  const { code, message, verdict, service, operation, retryAfterMs, status, sqlState, details } = thrown;
  const facts = { code, message, verdict, service, operation, retryAfterMs, status, sqlState, details };
  return refusal({ ...facts, cause: thrown });
}

function isWrite({ write, idempotent }: CallSpec): boolean {
  return write ?? idempotent !== true;
}

function readOnly(call: CallContext): IntegrationError {
  const { service, spec } = call;
  return call.refused(
    "degradation",
    refusal({
      code: "READ_ONLY",
      message: `${spec.service}.${spec.operation}: the service is read-only now (${service.readOnly}); try again later`,
      service: spec.service,
      operation: spec.operation,
    }),
  );
}
