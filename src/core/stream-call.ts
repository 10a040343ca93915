import { type AttemptContext, type CallRunner, type CallSpec } from "./call.ts";
import { annotateError, IntegrationError, toIntegrationError } from "./errors.ts";
import { LinkedSignal } from "./linked-signal.ts";

/**
 * Runs a stream inside `run`, so that the call lasts until the stream's last item: the attempt hands each item over
 * and waits until it was taken. A failure after the first item is final, because a retry would deliver it twice.
 * Leaving the consuming loop aborts the attempt's signal and waits for it to wind up.
 */
export async function* streamThrough<T>(
  run: CallRunner["run"],
  spec: CallSpec,
  attempt: (context: AttemptContext) => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const handover = new Handover<T>();
  const linked = new LinkedSignal().follow(spec.signal);
  let delivered = false;

  const call = run({ ...spec, signal: linked.signal }, async (context) => {
    try {
      for await (const item of attempt(context)) {
        delivered = true;
        await handover.give(item, context.signal);
      }
    } catch (thrown) {
      throw delivered ? final(thrown, spec) : thrown;
    }
  });
  call.then(
    () => handover.finish(),
    (error: unknown) => handover.fail(error),
  );

  try {
    for (let next = await handover.take(); !next.done; next = await handover.take()) yield next.value;
  } finally {
    linked.abort(undefined);
    linked.dispose();
    await call.catch(() => undefined);
  }
}

/** The same failure, with a verdict that forbids a retry. */
function final(thrown: unknown, spec: CallSpec): unknown {
  const error = toIntegrationError(thrown, { code: "NETWORK", service: spec.service, operation: spec.operation });
  if (error.verdict !== "retryable" && error.verdict !== "throttled") return error;
  const { code, message, status, retryAfterMs, details, callId, attempts } = error;
  const facts = { code, message, status, retryAfterMs, details, callId, attempts, cause: error.cause };
  return annotateError(new IntegrationError({ ...facts, verdict: "fatal" }), {
    service: spec.service,
    operation: spec.operation,
  });
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
      const onAbort = () => reject(signal.reason);
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
