/** The longest wait that a server can talk us into, ms: beyond it the call fails with the hint instead. */
export const MAX_SERVER_HINT_MS = 24 * 60 * 60 * 1000;

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3): seconds or an HTTP date. Nonsense (negative, text, not finite) is no hint;
 * a past date is 0; anything beyond a day is capped to it, so that no timer can overflow.
 *
 * @param wallNow milliseconds since the epoch
 * @returns milliseconds, or undefined if there is no usable hint
 */
export function parseRetryAfter(value: string | null | undefined, wallNow: number): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Number(text) * 1000, MAX_SERVER_HINT_MS);
  if (!/^[A-Z][a-z]{2}/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - wallNow), MAX_SERVER_HINT_MS);
}
