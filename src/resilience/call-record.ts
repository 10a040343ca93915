import {
  type CallMeta,
  type CallSpan,
  type CallStep,
  type DegradedReason,
  type ErrorCode,
  type IntegrationEvents,
} from "../core/index.ts";

export { type CallStep } from "../core/index.ts";

/** What happened to one call, in order. Plain data; every `atMs` counts from the call's start. */
export interface CallRecord {
  readonly callId: string;
  readonly service: string;
  readonly operation: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly outcome: "running" | "ok" | "error";
  readonly code?: ErrorCode;
  readonly durationMs: number;
  /** Part of the duration spent waiting. */
  readonly waitedMs: number;
  /** Part of the duration that no step accounts for: our own work, and what a running call is doing now. */
  readonly otherMs: number;
  /** Attempts that were begun, hedges included. */
  readonly attempts: number;
  readonly cached?: "fresh" | "stale";
  readonly degraded?: DegradedReason;
  /** What happened, in the order in which it ended. Only a hedge and the attempt it is to overtake lie side by side. */
  readonly steps: readonly CallStep[];
}

/** Steps that a record holds; what comes later is only counted. */
export const MAX_STEPS = 100;
/** A message may hold a whole statement; the record needs its beginning. */
const MAX_MESSAGE = 300;

/** What a running call writes down. Knows no caller's data: it outlives the call by a thousand others. */
export class CallTrace {
  readonly service: string;
  readonly operation: string;
  readonly startedAt: number;
  attempts = 0;
  waitedMs = 0;
  endedAt: number | undefined = undefined;
  code: ErrorCode | undefined = undefined;
  cached: "fresh" | "stale" | undefined = undefined;
  degraded: DegradedReason | undefined = undefined;
  ageMs: number | undefined = undefined;
  /** Where calls are traced. */
  span: CallSpan | undefined = undefined;
  readonly #newId: () => string;
  #callId: string | undefined;
  /** One step is the rule: an array for more is made when there are more. */
  #only: CallStep | undefined = undefined;
  #several: CallStep[] | undefined = undefined;

  /** @param startedAt on the monotonic clock */
  constructor(service: string, operation: string, startedAt: number, newId: () => string) {
    this.service = service;
    this.operation = operation;
    this.startedAt = startedAt;
    this.#newId = newId;
  }

  /** Made when first asked for: most calls end without anybody asking. */
  get callId(): string {
    return (this.#callId ??= this.#newId());
  }

  get steps(): readonly CallStep[] {
    return this.#several ?? (this.#only ? [this.#only] : []);
  }

  get meta(): CallMeta {
    const { callId, attempts, cached, degraded, ageMs } = this;
    return {
      callId,
      attempts,
      ...(cached !== undefined && { cached }),
      ...(degraded !== undefined && { degraded }),
      ...(ageMs !== undefined && { ageMs }),
    };
  }

  add(step: CallStep): void {
    if (this.span !== undefined) this.span.step(step);
    if (this.#several) {
      if (this.#several.length < MAX_STEPS) this.#several.push(brief(step));
      else this.#several[MAX_STEPS] = omitted(this.#several[MAX_STEPS], step);
    } else if (this.#only) this.#several = [this.#only, brief(step)];
    else this.#only = brief(step);
  }

  /** What is told of a call that has ended. */
  finished(requestId: string | undefined): IntegrationEvents["call.finished"] {
    const { callId, service, operation, code, attempts, waitedMs, cached, degraded, span } = this;
    const outcome = code === undefined ? "ok" : "error";
    const durationMs = (this.endedAt ?? this.startedAt) - this.startedAt;
    const facts = { callId, service, operation, outcome, attempts, durationMs, waitedMs } as const;
    // Most calls have nothing more to tell, and spreading nothing four times costs as much as the call's own record.
    if (code === undefined && cached === undefined && requestId === undefined && span === undefined) return facts;
    return {
      ...facts,
      ...(code !== undefined && { code }),
      ...(cached !== undefined && { cached }),
      ...(degraded !== undefined && { degraded }),
      ...(requestId !== undefined && { requestId }),
      ...(span?.traceId !== undefined && { traceId: span.traceId }),
    };
  }

  /** Does not make an id. */
  is(callId: string): boolean {
    return this.#callId === callId;
  }

  /** @param now on the monotonic clock; `wallNow` at the same moment */
  toRecord(now: number, wallNow: number): CallRecord {
    const { callId, service, operation, attempts, waitedMs, code, cached, degraded } = this;
    const durationMs = (this.endedAt ?? now) - this.startedAt;
    const steps = [...this.steps];
    return {
      callId,
      service,
      operation,
      startedAt: wallNow - (now - this.startedAt),
      outcome: this.endedAt === undefined ? "running" : code === undefined ? "ok" : "error",
      ...(code !== undefined && { code }),
      durationMs,
      waitedMs,
      otherMs: Math.max(0, durationMs - coveredMs(steps)),
      attempts,
      ...(cached !== undefined && { cached }),
      ...(degraded !== undefined && { degraded }),
      steps,
    };
  }
}

function brief(step: CallStep): CallStep {
  if (!("message" in step) || step.message === undefined || step.message.length <= MAX_MESSAGE) return step;
  return { ...step, message: `${step.message.slice(0, MAX_MESSAGE)}…` };
}

const endOf = (step: CallStep): number => step.atMs + ("durationMs" in step ? step.durationMs : 0);

function omitted(before: CallStep | undefined, step: CallStep): CallStep {
  if (before?.step !== "omitted")
    return { step: "omitted", count: 1, atMs: step.atMs, durationMs: endOf(step) - step.atMs };
  const atMs = Math.min(before.atMs, step.atMs);
  return { step: "omitted", count: before.count + 1, atMs, durationMs: Math.max(endOf(before), endOf(step)) - atMs };
}

/** Time in which at least one step was under way. */
function coveredMs(steps: readonly CallStep[]): number {
  let covered = 0;
  let until = 0;
  for (const step of [...steps].sort((a, b) => a.atMs - b.atMs)) {
    const end = endOf(step);
    if (end <= until) continue;
    covered += end - Math.max(until, step.atMs);
    until = end;
  }
  return covered;
}

/** The last calls, running ones included. Looking one up walks the ring: cheap to fill is what counts here. */
export class CallLog {
  readonly #ring: CallTrace[] = [];
  readonly #size: number;
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(trace: CallTrace): void {
    this.#ring[this.#next] = trace;
    this.#next = this.#next + 1 === this.#size ? 0 : this.#next + 1;
  }

  find(callId: string): CallTrace | undefined {
    return this.#ring.find((trace) => trace.is(callId));
  }
}
