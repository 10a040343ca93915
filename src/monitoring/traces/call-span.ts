import { type CallSpan, type CallStep, type TracedAttempt, type TracedCall, type TracedEnd } from "../../core/index.ts";
import {
  type OpenTelemetryApi,
  type OtelContext,
  type SpanAttributes,
  type SpanContextLike,
  spanKind,
  type SpanLike,
  statusCode,
} from "./opentelemetry-api.ts";

/** Opens a span; `startedAt` in milliseconds since the epoch. */
export type SpanMaker = (
  name: string,
  facts: {
    readonly kind: number;
    readonly startedAt: number;
    readonly parent: OtelContext;
    readonly attributes: SpanAttributes;
    readonly links?: readonly SpanContextLike[];
  },
) => SpanLike;

/** The tracer is asked for anew at every span: the host may register its provider after us. */
export function spanMaker(api: OpenTelemetryApi, version: string | undefined): SpanMaker {
  return (name, { kind, startedAt, parent, attributes, links = [] }) => {
    const options = { kind, startTime: startedAt, attributes, links: links.map((context) => ({ context })) };
    return api.trace.getTracer("enhanced-integration", version).startSpan(name, options, parent);
  };
}

/** Where no SDK is registered, the API's own spans have zeros for ids. */
export function isRecorded(traceId: string): boolean {
  return !/^0*$/.test(traceId);
}

/** What the context of an attempt's work knows. */
export interface RunningAttempt {
  readonly callId: string;
  readonly attempt: number;
  readonly span: SpanLike;
  readonly call: SpanLike;
}

interface CallSpanOptions {
  readonly api: OpenTelemetryApi;
  readonly make: SpanMaker;
  readonly redact: (text: string) => string;
  readonly call: TracedCall;
  readonly parent: OtelContext;
  readonly links: readonly SpanContextLike[];
  readonly attributes: SpanAttributes;
  /** What turns the monotonic clock's reading into a time since the epoch. */
  readonly epochMs: number;
  readonly runningKey: symbol;
}

/** One call's span and those inside. Waits become spans when they are over: the ledger knows then how long they took. */
export class OpenTelemetryCallSpan implements CallSpan {
  readonly traceId: string | undefined;
  readonly #options: CallSpanOptions;
  readonly #span: SpanLike;
  readonly #context: OtelContext;
  /** Attempts that are under way, by number. */
  readonly #attempts = new Map<number, SpanLike>();
  /** What went wrong last, in its service's words. */
  #said: string | undefined = undefined;

  constructor(options: CallSpanOptions) {
    this.#options = options;
    const { api, make, call, parent, attributes, links } = options;
    const startedAt = this.#time(call.startedAt);
    const name = `${call.service}.${call.operation}`;
    this.#span = make(name, { kind: spanKind.client, startedAt, parent, attributes, links });
    this.#context = api.trace.setSpan(parent, this.#span);
    const { traceId } = this.#span.spanContext();
    this.traceId = isRecorded(traceId) ? traceId : undefined;
  }

  attempt<T>({ attempt, hedge, startedAt }: TracedAttempt, work: () => T): T {
    const { api, call, runningKey } = this.#options;
    const rivals = hedge ? [...this.#attempts.values()].map((span) => span.spanContext()) : [];
    const span = this.#child(`attempt ${attempt}`, startedAt, {
      attributes: {
        "enhanced_integration.attempt": attempt,
        ...(attempt > 1 && { "http.request.resend_count": attempt - 1 }),
        ...(hedge && { "enhanced_integration.hedge": true }),
      },
      links: rivals,
    });
    this.#attempts.set(attempt, span);
    const running: RunningAttempt = { callId: call.callId, attempt, span, call: this.#span };
    // From the call's own context: what woke this attempt, a timer or somebody's release, may belong to another call.
    const context = api.trace.setSpan(this.#context, span).setValue(runningKey, running);
    return api.context.with(context, work) as T;
  }

  step(step: CallStep): void {
    switch (step.step) {
      case "attempt":
        return this.#attempted(step);
      case "wait": {
        const attributes = { "enhanced_integration.wait.for": step.for, ...(step.hedge && hedged) };
        const span = this.#child(`wait for ${step.for}`, this.#at(step.atMs), { attributes });
        return span.end(this.#time(this.#at(step.atMs + step.durationMs)));
      }
      case "refusal":
        this.#said = step.message;
        return this.#event("refused", step.atMs, {
          "enhanced_integration.refused.by": step.by,
          "error.type": step.code,
          ...(step.retryAfterMs !== undefined && { "enhanced_integration.retry_after_ms": step.retryAfterMs }),
        });
      case "cache":
        return this.#event("answered from cache", step.atMs, {
          "enhanced_integration.cache.answer": step.answer,
          "enhanced_integration.cache.age_ms": step.ageMs,
        });
      case "omitted":
        return undefined;
      default:
        step satisfies never;
    }
  }

  end({ endedAt, code, attempts, cached, degraded }: TracedEnd): void {
    const span = this.#span;
    span.setAttributes({
      "enhanced_integration.attempts": attempts,
      ...(cached !== undefined && { "enhanced_integration.cached": cached }),
      ...(degraded !== undefined && { "enhanced_integration.degraded": degraded }),
    });
    if (code !== undefined) this.#fail(span, code, this.#said);
    const time = this.#time(endedAt ?? this.#options.call.startedAt);
    // None is left open: those that were never told of end with their call.
    for (const open of this.#attempts.values()) open.end(time);
    this.#attempts.clear();
    span.end(time);
  }

  #attempted({ attempt, atMs, durationMs, outcome, code, message, verdict }: CallStep & { step: "attempt" }): void {
    const span = this.#attempts.get(attempt);
    this.#attempts.delete(attempt);
    if (!span) return;
    if (outcome === "cancelled") span.setAttributes({ "enhanced_integration.outcome": "cancelled" });
    if (outcome === "error") {
      this.#said = message;
      this.#fail(span, code ?? "_OTHER", message);
      if (verdict !== undefined) span.setAttributes({ "enhanced_integration.verdict": verdict });
    }
    span.end(this.#time(this.#at(atMs + durationMs)));
  }

  /** @param said may repeat what was sent: secrets are taken out of it */
  #fail(span: SpanLike, code: string, said: string | undefined): void {
    span.setAttributes({ "error.type": code });
    span.setStatus({ code: statusCode.error, message: said === undefined ? code : this.#options.redact(said) });
  }

  #event(name: string, atMs: number, attributes: SpanAttributes): void {
    this.#span.addEvent(name, attributes, this.#time(this.#at(atMs)));
  }

  #child(
    name: string,
    startedAt: number,
    facts: { attributes: SpanAttributes; links?: readonly SpanContextLike[] },
  ): SpanLike {
    const { make } = this.#options;
    return make(name, { ...facts, kind: spanKind.internal, startedAt: this.#time(startedAt), parent: this.#context });
  }

  /** On the monotonic clock. */
  #at(atMs: number): number {
    return this.#options.call.startedAt + atMs;
  }

  #time(monotonicMs: number): number {
    return this.#options.epochMs + monotonicMs;
  }
}

const hedged = { "enhanced_integration.hedge": true } as const;
