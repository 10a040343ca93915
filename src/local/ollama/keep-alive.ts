import { Refusal } from "./replies.ts";

/** The server's default, ms. */
const DEFAULT_KEEP_ALIVE_MS = 300_000;
const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads `keep_alive`: a number of seconds or a Go duration (`5m`, `1h30m`). Negative is for ever, 0 unloads at once.
 *
 * @returns milliseconds, `Infinity` for ever
 */
export function readKeepAlive(value: unknown): number {
  if (value === undefined || value === null) return DEFAULT_KEEP_ALIVE_MS;
  if (typeof value === "number") return value < 0 ? Infinity : value * 1000;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (!/^[+-]?(0|(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+)$/.test(text))
    throw new Refusal(400, `time: invalid duration "${text}"`);
  if (text.startsWith("-")) return Infinity;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * unitMs[unit!]!, 0);
}
