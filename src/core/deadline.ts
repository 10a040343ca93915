import { type CallScopes, type CallSpec } from "./call.ts";
import { IntegrationError } from "./errors.ts";
import { type Clock } from "./ports.ts";

/**
 * Why a signal fired: whose wish it was. The reason of every signal that we abort ourselves is one of these errors.
 *
 * @param sent whether the request may have reached the service: without an answer, a call that is not idempotent is
 * then in doubt
 */
export function timeoutError(
  kind: "ATTEMPT_TIMEOUT" | "DEADLINE_EXCEEDED",
  spec: CallSpec,
  ms: number,
  { sent = true }: { readonly sent?: boolean } = {},
): IntegrationError {
  const what = kind === "ATTEMPT_TIMEOUT" ? "an attempt took longer than" : "the call was not finished within";
  const hint =
    kind === "ATTEMPT_TIMEOUT"
      ? "raise attemptTimeoutMs if the service is known to be slow"
      : "raise deadlineMs, or look at the service's latency";
  return new IntegrationError({
    code: kind,
    message: `${spec.service}.${spec.operation}: ${what} ${Math.round(ms)} ms; ${hint}`,
    service: spec.service,
    operation: spec.operation,
    ...(kind === "DEADLINE_EXCEEDED" && { verdict: sent && !spec.idempotent ? "outcome-unknown" : "fatal" }),
  });
}

/** @param sent as in {@link timeoutError} */
export function abortedError(
  spec: CallSpec,
  cause?: unknown,
  { sent = false }: { readonly sent?: boolean } = {},
): IntegrationError {
  return new IntegrationError({
    code: "ABORTED",
    message: `${spec.service}.${spec.operation}: the caller aborted the call`,
    service: spec.service,
    operation: spec.operation,
    verdict: sent && !spec.idempotent ? "outcome-unknown" : "fatal",
    cause,
  });
}

/** The moment by which a call must be done: its own deadline, shrunk to the scope's. */
export function deadlineOf(spec: CallSpec, defaultMs: number, clock: Clock, scopes?: CallScopes): number {
  const own = clock.now() + (spec.deadlineMs ?? defaultMs);
  return Math.min(own, scopes?.current?.deadlineAt ?? Infinity);
}

/** Rejects with the signal's reason as soon as it fires; leaves no listener behind. */
export function raceSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.then(undefined, () => undefined);
    return Promise.reject(signal.reason);
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const release = () => signal.removeEventListener("abort", onAbort);
    // Two callbacks and no `finally`: some drivers' queries are thenables and no more.
    promise.then(
      (value) => (release(), resolve(value)),
      (error: unknown) => (release(), reject(error)),
    );
  });
}

/** Waits `ms` on the clock, or rejects with the signal's reason at once when it fires. */
export function sleep(ms: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
