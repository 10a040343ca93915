import { IntegrationError, type IntegrationErrorOptions } from "../core/index.ts";

/**
 * An error for a call that was turned away. It has no stack: under overload refusals are the hot path, the stack costs
 * ten times the rest (performance.md §3), and it would only show this package.
 */
export function refusal(options: IntegrationErrorOptions): IntegrationError {
  const limit = Error.stackTraceLimit;
  // Reflect, because a host may have frozen the intrinsics: then the refusal is merely dearer.
  Reflect.set(Error, "stackTraceLimit", 0);
  try {
    return new IntegrationError(options);
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit);
  }
}
