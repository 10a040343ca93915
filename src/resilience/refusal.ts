import { IntegrationError, type IntegrationErrorOptions } from "../core/index.ts";

/**
 * Makes an error without a stack: capturing one costs ten times the rest (performance.md §3). For errors whose stack would
 * only show this package; where something was thrown, the cause keeps its own.
 */
export function stackless<T>(make: () => T): T {
  const limit = Error.stackTraceLimit;
  // Reflect, because a host may have frozen the intrinsics: then the error is merely dearer.
  Reflect.set(Error, "stackTraceLimit", 0);
  try {
    return make();
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit);
  }
}

/**
 * An error for a call that was turned away. It has no stack: under overload refusals are the hot path.
 */
export function refusal(options: IntegrationErrorOptions): IntegrationError {
  return stackless(() => new IntegrationError(options));
}

/** How long to wait, and by which of a limit's policies. */
export interface Refused {
  readonly retryAfterMs: number;
  readonly policy?: string | undefined;
}

/** The error of a call that its limit turned away; of several policies, by the weakest. */
export function rateLimited(limit: string, { retryAfterMs, policy }: Refused): IntegrationError {
  return refusal({
    code: "RATE_LIMITED",
    message: `limit ${policy === undefined ? limit : `${limit}:${policy}`} is used up; try again in ${Math.ceil(retryAfterMs)} ms`,
    retryAfterMs: Math.ceil(retryAfterMs),
    details: { limit, ...(policy !== undefined && { policy }) },
  });
}

const late = new WeakSet<IntegrationError>();

/** Marks the refusal of an attempt that the rooms had let in already. The rooms may let it wait: they know how long. */
export function asLate(error: IntegrationError): IntegrationError {
  late.add(error);
  return error;
}

/** Was the attempt turned away after the rooms had let it in? */
export function isLate(error: IntegrationError): boolean {
  return late.has(error);
}
