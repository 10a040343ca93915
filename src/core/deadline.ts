import { type CallScopes, type CallSpec } from "./call.ts";
import { IntegrationError } from "./errors.ts";
import { type Clock } from "./ports.ts";

/** Why a signal fired: whose wish it was. The reason of every signal that we abort ourselves is one of these errors. */
export function timeoutError(
  kind: "ATTEMPT_TIMEOUT" | "DEADLINE_EXCEEDED",
  spec: CallSpec,
  ms: number,
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
    ...(kind === "DEADLINE_EXCEEDED" && { verdict: spec.idempotent ? "fatal" : "outcome-unknown" }),
  });
}

export function abortedError(spec: CallSpec, cause?: unknown): IntegrationError {
  return new IntegrationError({
    code: "ABORTED",
    message: `${spec.service}.${spec.operation}: the caller aborted the call`,
    service: spec.service,
    operation: spec.operation,
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
    promise.catch(() => undefined);
    return Promise.reject(signal.reason);
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
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
