import { type CallSpec, type ErrorCode, IntegrationError } from "../../src/core/index.ts";

export const idempotent: CallSpec = { service: "maps", operation: "lookup", idempotent: true };
export const write: CallSpec = { service: "maps", operation: "pay" };

export function failure(code: ErrorCode, facts: Partial<ConstructorParameters<typeof IntegrationError>[0]> = {}) {
  return new IntegrationError({ code, message: `${code} happened`, ...facts });
}

export const reset = () => failure("NETWORK");
export const unavailable = () => failure("UPSTREAM_STATUS", { status: 503, verdict: "retryable" });

/** An attempt that never settles and never looks at its signal. */
export const deaf = () => new Promise<never>(() => undefined);

/** The error that a promise rejects with, as one of ours. */
export async function rejection(promise: Promise<unknown>): Promise<IntegrationError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!("error" in outcome)) throw new Error(`expected a rejection, got ${JSON.stringify(outcome.value)}`);
  if (!IntegrationError.isInstance(outcome.error)) throw outcome.error;
  return outcome.error;
}

/** What a synchronous function throws, as one of ours. */
export function thrownBy(fn: () => unknown): IntegrationError {
  try {
    fn();
  } catch (error) {
    if (IntegrationError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("expected the function to throw");
}

/** Chance without chance: always the same number. */
export const always = (value: number) => ({ next: () => value });
