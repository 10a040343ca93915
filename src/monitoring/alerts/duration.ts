const unitMs = {
  y: 31_536_000_000,
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
} as const;

/** Each unit at most once, from the largest to the smallest: what Prometheus takes. */
const pattern = /^(?=\d)(?:\d{1,9}y)?(?:\d{1,9}w)?(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?(?:\d{1,9}ms)?$/;

/** Reads `90s`, `2m` or `1h30m`, as Prometheus writes them. @returns milliseconds, or `undefined` if it is none */
export function parseDuration(text: string): number | undefined {
  if (typeof text !== "string" || !pattern.test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[ywdhms])/g))
    totalMs += Number(count) * unitMs[unit as keyof typeof unitMs];
  return totalMs;
}

/** The shortest single-unit form: 120000 → `2m`. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const)
    if (ms > 0 && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  return `${ms}ms`;
}
