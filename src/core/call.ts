import { AsyncLocalStorage } from "node:async_hooks";
import { type Redact } from "./redact.ts";

/** Who goes first when calls must wait. */
export type Priority = "high" | "normal" | "low";

/** What the pipeline must know about a call; the client that makes the call fills it in. */
export interface CallSpec {
  /** Who is called, e.g. `neon`. Circuits, retry budgets and bulkheads are kept per service, and per {@link part} of one. */
  readonly service: string;
  /**
   * The part of the service that answers, e.g. `storage`, where it fails apart from the others: then its circuit, its retry
   * budget and its bulkhead are its own. A bounded set of names. @defaultValue none: the service is one
   */
  readonly part?: string;
  /** What is asked, e.g. `query`. A bounded set of names: it becomes a metric label. */
  readonly operation: string;
  /** Doing it twice is the same as doing it once. Only such calls are retried. @defaultValue false */
  readonly idempotent?: boolean;
  /** Makes a non-idempotent call safe to retry where the service honours it. Made once per call. */
  readonly idempotencyKey?: string;
  /** Total time for queue, attempts, waits and body, ms. Shrunk to what the caller has left, never extended. @defaultValue the pipeline's */
  readonly deadlineMs?: number;
  /** Time for one attempt, ms. @defaultValue the pipeline's */
  readonly attemptTimeoutMs?: number;
  /** Upper bound of attempts, the first included. @defaultValue the pipeline's */
  readonly maxAttempts?: number;
  /**
   * It changes something at the service: refused with `READ_ONLY` while the service is read-only. Say `true` for a
   * write that may be repeated. @defaultValue true unless `idempotent`
   */
  readonly write?: boolean;
  /** Answers may come from, and go into, the pipeline's cache. Not for streams. */
  readonly cache?: CacheRule;
  /** A second attempt beside a slow first one. Only for calls that are `idempotent`; not for streams. @defaultValue the pipeline's */
  readonly hedge?: HedgeRule | false;
  /** Longest time between two items of a stream, ms; the consumer's own time does not count. @defaultValue the pipeline's */
  readonly idleTimeoutMs?: number;
  /** Whose call it is: those who wait in one line take turns by it, so that no tenant holds up the others. @defaultValue the limit's key */
  readonly tenant?: string;
  /** The attempt that makes this call: its deadline and signal hold for this call too. */
  readonly parent?: Pick<AttemptContext, "deadlineAt" | "signal">;
  /** A named limit that each attempt is charged to. */
  readonly limit?: { readonly name: string; readonly key: string; readonly cost?: number; readonly wait?: boolean };
  /** The service's own limit that it draws on, where it has several: requests are held back as that one was learned. @defaultValue the service's name */
  readonly quota?: string;
  /** @defaultValue "normal" */
  readonly priority?: Priority;
  /** The caller's wish to stop. */
  readonly signal?: AbortSignal;
}

/** `supabase.storage`; the service's name alone where no part of it is meant. */
export function circuitName(service: string, part?: string): string {
  return part === undefined ? service : `${service}.${part}`;
}

/** How long an answer may be used again. Calls of one service and operation with one `key` share an answer. */
export interface CacheRule {
  /** Everything that the answer depends on, the user included where it does. The answer is handed to all of them: do not change it. */
  readonly key: string;
  /** For so long it is as good as new, ms. @defaultValue the pipeline's: CACHE_TTL of an integration, 60,000 of one alone */
  readonly ttlMs?: number;
  /** For so long after that it is still given at once, while a new one is fetched behind the caller's back, ms. @defaultValue 0 */
  readonly staleWhileRevalidateMs?: number;
  /** For so long after `ttlMs` it is given where the service cannot answer (circuit open, network, 5xx, time), ms. @defaultValue 0 */
  readonly staleIfErrorMs?: number;
  /** Whether an answer may be kept: one that is only half an answer, say, should be asked for again. @defaultValue every answer */
  readonly keepIf?: (answer: unknown) => boolean;
}

/** When a slow read is tried a second time beside the first. Paid for out of the service's retry budget. */
export interface HedgeRule {
  /** After the measured quantile of the operation's duration, above 0 and below 1; never before 20 were measured. @defaultValue 0.95 */
  readonly afterP?: number;
  /** After a fixed time instead, ms. */
  readonly afterMs?: number;
  /** Attempts beside the first, 1 to 5. @defaultValue 1 */
  readonly maxHedges?: number;
}

/** Why an answer is not as fresh as it should be. */
export type DegradedReason = "revalidating" | "circuit-open" | "network" | "server-error" | "deadline";

/** How an answer came about. */
export interface CallMeta {
  readonly callId: string;
  readonly attempts: number;
  /** Present where the answer was not fetched by this call. */
  readonly cached?: "fresh" | "stale";
  /** Present where the answer is older than it should be. */
  readonly degraded?: DegradedReason;
  /** Age of an answer from the cache, ms. */
  readonly ageMs?: number;
}

/** What one attempt is given. */
export interface AttemptContext {
  readonly callId: string;
  /** Of the trace that records the call; undefined where none does. */
  readonly traceId?: string | undefined;
  /** 1 for the first. */
  readonly attempt: number;
  /** Fires on the caller's abort, the total deadline or the attempt's timeout: hand it to the transport. */
  readonly signal: AbortSignal;
  /** On the monotonic clock, ms. */
  readonly deadlineAt: number;
  readonly idempotencyKey?: string;
  /** Milliseconds until the total deadline, never negative. */
  remainingMs(): number;
  /** Calls `tell` when {@link signal} would fire: for work done thousands of times a second, where a listener costs more than the work. */
  onAbort?(tell: (reason: unknown) => void): void;
  /** Tells the runner that the answer has begun: from now on only the total deadline counts. Streams say it at every item. */
  answered?(): void;
  /** Tells the runner that a stream waits for its next item: it may take `idleTimeoutMs`. */
  awaiting?(): void;
}

/** On whose behalf something happened, where that is known. */
export interface CallIds {
  readonly callId?: string;
  /** Of the trace that recorded the call. */
  readonly traceId?: string;
  /** Of the request that was served. */
  readonly requestId?: string;
}

/** Whoever something happens to: a call's attempt, or a request. Read only where there is something to tell. */
export type OnBehalfOf = { readonly [K in keyof CallIds]?: CallIds[K] | undefined };

/** The fields by which an event names its call or its request. */
export function callIds({ callId, traceId, requestId }: OnBehalfOf = {}): CallIds {
  return {
    ...(callId !== undefined && { callId }),
    ...(traceId !== undefined && { traceId }),
    ...(requestId !== undefined && { requestId }),
  };
}

/** The fields by which a log line names its call and, as OpenTelemetry has it, its trace. */
export function lineOf({ callId, traceId }: Pick<AttemptContext, "callId" | "traceId">): object {
  return traceId === undefined ? { callId } : { callId, trace_id: traceId };
}

/** Runs calls under policies. The pipeline is one; {@link directRunner} is the bare one. */
export interface CallRunner {
  /** @throws IntegrationError whatever happened, with `service`, `operation`, `callId` and `attempts` filled in */
  run<T>(spec: CallSpec, attempt: (context: AttemptContext) => Promise<T>): Promise<T>;
  /** {@link run}, and how the answer came about. Runners with a cache have it. */
  runWithMeta?<T>(
    spec: CallSpec,
    attempt: (context: AttemptContext) => Promise<T>,
  ): Promise<{ readonly value: T; readonly meta: CallMeta }>;
  /**
   * A call whose answer is a stream: policies (deadline, permit, breaker) hold until its last item. It is retried only
   * while nothing was delivered; leaving the loop early aborts the transport.
   */
  stream<T>(spec: CallSpec, attempt: (context: AttemptContext) => AsyncIterable<T>): AsyncGenerator<T, void, undefined>;
  /**
   * Takes secrets out of what a service said. The runner does so with every failure of an attempt; clients do it where
   * they cut a text, or make an error outside of a call.
   */
  readonly redact?: Redact;
}

/** What nested calls inherit from the request that caused them. */
export interface CallScope {
  /** On the monotonic clock, ms. */
  readonly deadlineAt?: number;
  readonly signal?: AbortSignal;
  readonly priority?: Priority;
  /** Correlates the log lines of one request. */
  readonly requestId?: string;
}

/** Carries a {@link CallScope} through awaits, so that hosts need not pass it by hand. One per integration. */
export class CallScopes {
  readonly #storage = new AsyncLocalStorage<CallScope | undefined>();

  /** Runs `fn`; every call inside inherits the scope, narrowed by an outer one: a deadline only ever shrinks. */
  run<T>(scope: CallScope, fn: () => T): T {
    const outer = this.#storage.getStore();
    return this.#storage.run(outer === undefined ? scope : narrow(outer, scope), fn);
  }

  /** Runs `fn` for nobody in particular: calls inside inherit nothing. For work that outlives the request that caused it. */
  outside<T>(fn: () => T): T {
    return this.#storage.run(undefined, fn);
  }

  get current(): CallScope | undefined {
    return this.#storage.getStore();
  }
}

function narrow(outer: CallScope, inner: CallScope): CallScope {
  const deadlineAt = Math.min(outer.deadlineAt ?? Infinity, inner.deadlineAt ?? Infinity);
  const signal =
    outer.signal && inner.signal ? AbortSignal.any([outer.signal, inner.signal]) : (inner.signal ?? outer.signal);
  const priority = inner.priority ?? outer.priority;
  const requestId = inner.requestId ?? outer.requestId;
  return {
    ...(deadlineAt !== Infinity && { deadlineAt }),
    ...(signal && { signal }),
    ...(priority && { priority }),
    ...(requestId !== undefined && { requestId }),
  };
}
