import { IntegrationError } from "../core/index.ts";

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A hundred days: longer windows are a billing matter, not a rate. */
export const MAX_WINDOW_MS = 100 * unitMs.d;

/**
 * Reads `500ms`, `30s`, `1m`, `1h`, `1d`, or a number of milliseconds.
 *
 * @param name what the value belongs to, for the error
 * @throws IntegrationError `INVALID_INPUT` naming the value
 */
export function parseWindowMs(value: string | number, name: string): number {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(String(value).trim());
  const windowMs = typeof value === "number" ? value : match ? Number(match[1]) * unitMs[match[2] as "ms"] : NaN;
  if (Number.isInteger(windowMs) && windowMs >= 1 && windowMs <= MAX_WINDOW_MS) return windowMs;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message: `${name} must be like 500ms, 30s, 1m, 1h or 1d, at least 1 ms and at most 100d, got ${JSON.stringify(value)}`,
  });
}

/** The shortest form that {@link parseWindowMs} reads back: 60000 is `1m`. */
export function formatWindow(windowMs: number): string {
  const [unit, ms] = Object.entries(unitMs).findLast(([, ms]) => windowMs % ms === 0) ?? ["ms", 1];
  return `${windowMs / ms}${unit}`;
}
