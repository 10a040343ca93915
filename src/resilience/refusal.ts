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
