import { AsyncLocalStorage } from "node:async_hooks";

/** Who goes first when calls must wait. */
export type Priority = "high" | "normal" | "low";

/** What the pipeline must know about a call; the client that makes the call fills it in. */
export interface CallSpec {
  /** Who is called, e.g. `neon`. Breakers, budgets and bulkheads are kept per service. */
  readonly service: string;
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
  /** A named limit that each attempt is charged to. */
  readonly limit?: { readonly name: string; readonly key: string; readonly cost?: number; readonly wait?: boolean };
  /** @defaultValue "normal" */
  readonly priority?: Priority;
  /** The caller's wish to stop. */
  readonly signal?: AbortSignal;
}

/** What one attempt is given. */
export interface AttemptContext {
  readonly callId: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** Fires on the caller's abort, the total deadline or the attempt's timeout: hand it to the transport. */
  readonly signal: AbortSignal;
  /** On the monotonic clock, ms. */
  readonly deadlineAt: number;
  readonly idempotencyKey?: string;
  /** Milliseconds until the total deadline, never negative. */
  remainingMs(): number;
  /** Tells the runner that the answer has begun: from now on only the total deadline counts. Streams say it at their first item. */
  answered?(): void;
}

/** Runs calls under policies. The pipeline is one; {@link directRunner} is the bare one. */
export interface CallRunner {
  /** @throws IntegrationError whatever happened, with `service`, `operation`, `callId` and `attempts` filled in */
  run<T>(spec: CallSpec, attempt: (context: AttemptContext) => Promise<T>): Promise<T>;
  /**
   * A call whose answer is a stream: policies (deadline, permit, breaker) hold until its last item. It is retried only
   * while nothing was delivered; leaving the loop early aborts the transport.
   */
  stream<T>(spec: CallSpec, attempt: (context: AttemptContext) => AsyncIterable<T>): AsyncGenerator<T, void, undefined>;
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
  readonly #storage = new AsyncLocalStorage<CallScope>();

  /** Runs `fn`; every call inside inherits the scope, narrowed by an outer one: a deadline only ever shrinks. */
  run<T>(scope: CallScope, fn: () => T): T {
    const outer = this.#storage.getStore();
    return this.#storage.run(outer === undefined ? scope : narrow(outer, scope), fn);
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
