import { type AttemptContext, type CallRunner, type CallSpec } from "./call.ts";
import { abortedError, raceSignal } from "./deadline.ts";
import { IntegrationError } from "./errors.ts";
import { errorFromThrown } from "./judge-thrown.ts";
import { LinkedSignal } from "./linked-signal.ts";

/**
 * Runs a stream inside `run`, so that the call lasts until the stream's last item: the attempt hands each item over
 * and waits until it was taken. A failure after the first item is final, because a retry would deliver it twice.
 * Leaving the consuming loop aborts the attempt's signal and ends the call well: the consumer has what it wanted.
 */
export async function* streamThrough<T>(
  run: CallRunner["run"],
  spec: CallSpec,
  attempt: (context: AttemptContext) => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const handover = new Handover<T>();
  let delivered = false;
  let left = false;
  let leave = () => {};

  const call = run(spec, async (context) => {
    const linked = new LinkedSignal().follow(context.signal);
    const { signal } = linked;
    leave = () => linked.abort(abortedError(spec));
    const deliver = async () => {
      for await (const item of attempt(withSignal(context, signal))) {
        context.answered?.();
        delivered = true;
        await handover.give(item, signal);
        context.awaiting?.();
      }
    };
    try {
      await raceSignal(deliver(), signal);
    } catch (thrown) {
      if (!left) throw delivered ? final(thrown, spec) : thrown;
    } finally {
      linked.dispose();
    }
  });
  call.then(
    () => handover.finish(),
    (error: unknown) => handover.fail(error),
  );

  try {
    for (let next = await handover.take(); !next.done; next = await handover.take()) yield next.value;
  } finally {
    // Only at a `yield` can a consumer leave, so the attempt that delivered is still the one to stop.
    left = true;
    leave();
    await call.catch(() => undefined);
  }
}

function withSignal(context: AttemptContext, signal: AbortSignal): AttemptContext {
  const { callId, attempt, deadlineAt, idempotencyKey } = context;
  const remainingMs = () => context.remainingMs();
  return { callId, attempt, deadlineAt, signal, remainingMs, ...(idempotencyKey !== undefined && { idempotencyKey }) };
}

/** The same failure, with a verdict that forbids a retry. */
function final(thrown: unknown, spec: CallSpec): IntegrationError {
  const error = errorFromThrown(thrown, { service: spec.service, operation: spec.operation });
  if (error.verdict !== "retryable" && error.verdict !== "throttled") return error;
  const { code, message, service, operation, status, sqlState, retryAfterMs, details, cause } = error;
  const verdict = spec.idempotent ? "fatal" : "outcome-unknown";
  const facts = { service, operation, status, sqlState, retryAfterMs, details, cause };
  return new IntegrationError({ code, message, verdict, ...facts });
}

/** One item at a time from a producer to a consumer: the producer waits until its item was taken. */
class Handover<T> {
  #waiting: { item: T; taken: () => void } | undefined;
  #wanted: ((result: IteratorResult<T, undefined>) => void) | undefined;
  #refused: ((error: unknown) => void) | undefined;
  #end: { error?: unknown } | undefined;

  give(item: T, signal: AbortSignal): Promise<void> {
    if (this.#wanted) {
      this.#wanted({ done: false, value: item });
      this.#wanted = this.#refused = undefined;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting = undefined;
        reject(signal.reason);
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      const taken = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      this.#waiting = { item, taken };
    });
  }

  take(): Promise<IteratorResult<T, undefined>> {
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      waiting.taken();
      return Promise.resolve({ done: false, value: waiting.item });
    }
    if (this.#end)
      return "error" in this.#end ? Promise.reject(this.#end.error) : Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#wanted = resolve;
      this.#refused = reject;
    });
  }

  finish(): void {
    this.#end ??= {};
    this.#wanted?.({ done: true, value: undefined });
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#refused?.(error);
  }
}
