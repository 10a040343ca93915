import { type DegradedReason } from "./call.ts";
import { type ErrorCode, type Verdict } from "./errors.ts";

/** One thing that happened during a call; every `atMs` counts from the call's start. */
export type CallStep =
  | {
      readonly step: "attempt";
      readonly attempt: number;
      readonly atMs: number;
      readonly durationMs: number;
      /** `cancelled`: another attempt of the call was faster. */
      readonly outcome: "ok" | "error" | "cancelled";
      readonly hedge?: true;
      readonly code?: ErrorCode;
      readonly verdict?: Verdict;
      readonly message?: string;
    }
  | {
      readonly step: "wait";
      /** `backoff`, or the room in which the call waited. */
      readonly for: string;
      readonly atMs: number;
      readonly durationMs: number;
      readonly hedge?: true;
    }
  /** A stage turned the call, or a further attempt of it, away. */
  | {
      readonly step: "refusal";
      readonly by: string;
      readonly atMs: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number;
    }
  /** The cache answered: `joined` is the answer to another call that was under way. */
  | {
      readonly step: "cache";
      readonly answer: "fresh" | "stale" | "joined";
      readonly atMs: number;
      readonly ageMs: number;
      readonly reason?: DegradedReason;
    }
  /** Steps beyond those that a record holds, as one. */
  | { readonly step: "omitted"; readonly count: number; readonly atMs: number; readonly durationMs: number };

/** What a tracer is told of a call that begins. */
export interface TracedCall {
  readonly callId: string;
  readonly service: string;
  readonly operation: string;
  /** On the monotonic clock, ms. */
  readonly startedAt: number;
  /** Nobody waits for it: it outlives the call that caused it. */
  readonly behind: boolean;
}

/** What is told of one whose work begins. */
export interface TracedAttempt {
  /** 1 for the first. */
  readonly attempt: number;
  /** It runs beside another one, to overtake it. */
  readonly hedge: boolean;
  /** On the monotonic clock, ms. */
  readonly startedAt: number;
}

/** How a call ended. */
export interface TracedEnd {
  /** On the monotonic clock, ms. */
  readonly endedAt: number | undefined;
  readonly attempts: number;
  /** Undefined: well. */
  readonly code: ErrorCode | undefined;
  readonly cached: "fresh" | "stale" | undefined;
  readonly degraded: DegradedReason | undefined;
}

/** Follows one call. It can neither delay nor change it, and never throws. */
export interface CallSpan {
  /** Joins log lines to the trace; undefined where nobody records it. */
  readonly traceId: string | undefined;
  /** Begins an attempt's span and runs its work inside: what the work opens becomes a child. */
  attempt<T>(attempt: TracedAttempt, work: () => T): T;
  /** A step is over. */
  step(step: CallStep): void;
  end(end: TracedEnd): void;
}

/** Makes spans of calls. Nothing here knows whose. */
export interface CallTracer {
  begin(call: TracedCall): CallSpan;
}
