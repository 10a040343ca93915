import { type ErrorCode, type Verdict } from "../core/index.ts";

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
  /** Attempts that were begun. */
  readonly attempts: number;
  readonly steps: readonly CallStep[];
}

export type CallStep =
  | {
      readonly step: "attempt";
      readonly attempt: number;
      readonly atMs: number;
      readonly durationMs: number;
      readonly outcome: "ok" | "error";
      readonly code?: ErrorCode;
      readonly verdict?: Verdict;
      readonly message?: string;
    }
  | { readonly step: "wait"; readonly for: string; readonly atMs: number; readonly durationMs: number }
  /** A stage turned the call, or a further attempt of it, away. */
  | {
      readonly step: "refusal";
      readonly by: string;
      readonly atMs: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number;
    };

/** What a running call writes down. Knows no caller's data: it outlives the call by a thousand others. */
export class CallTrace {
  readonly service: string;
  readonly operation: string;
  readonly startedAt: number;
  readonly steps: CallStep[] = [];
  attempts = 0;
  waitedMs = 0;
  endedAt: number | undefined = undefined;
  code: ErrorCode | undefined = undefined;
  readonly #newId: () => string;
  #callId: string | undefined;

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

  /** Does not make an id. */
  is(callId: string): boolean {
    return this.#callId === callId;
  }

  /** @param now on the monotonic clock; `wallNow` at the same moment */
  toRecord(now: number, wallNow: number): CallRecord {
    const { callId, service, operation, attempts, waitedMs, code } = this;
    const outcome = this.endedAt === undefined ? "running" : code === undefined ? "ok" : "error";
    return {
      callId,
      service,
      operation,
      startedAt: wallNow - (now - this.startedAt),
      outcome,
      ...(code !== undefined && { code }),
      durationMs: (this.endedAt ?? now) - this.startedAt,
      waitedMs,
      attempts,
      steps: [...this.steps],
    };
  }
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
    this.#next = (this.#next + 1) % this.#size;
  }

  find(callId: string): CallTrace | undefined {
    return this.#ring.find((trace) => trace.is(callId));
  }
}
