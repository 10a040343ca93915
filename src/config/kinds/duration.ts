import { accepted, type Kind, refused } from "./kind.ts";

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof unitsMs;

/**
 * Reads `500ms`, `30s`, `1m`, `1h`, `1d`; a bare number counts in `bareUnit`.
 *
 * @returns milliseconds, or undefined if the text is not a duration
 */
export function parseDurationMs(text: string, bareUnit: Unit = "ms"): number | undefined {
  const match = /^(\d{1,16})(ms|s|m|h|d)?$/.exec(text);
  if (!match) return undefined;
  const ms = Number(match[1]) * unitsMs[(match[2] as Unit | undefined) ?? bareUnit];
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest exact writing, e.g. `90000` → `90s`; {@link parseDurationMs} reads it back. */
export function formatDuration(ms: number): string {
  const unit = (["d", "h", "m", "s"] as const).find((candidate) => ms > 0 && ms % unitsMs[candidate] === 0) ?? "ms";
  return `${ms / unitsMs[unit]}${unit}`;
}

/** A duration whose bare numbers and whose value are milliseconds. */
export function durationMs(range: { readonly min: string; readonly max: string }): Kind<number> {
  return duration(range, "ms");
}

/** A duration whose bare numbers and whose value are seconds, as the plan writes expiries and cache lifetimes. */
export function durationSeconds(range: { readonly min: string; readonly max: string }): Kind<number> {
  return duration(range, "s");
}

function duration(range: { readonly min: string; readonly max: string }, unit: "ms" | "s"): Kind<number> {
  const [min, max] = [parseDurationMs(range.min) ?? 0, parseDurationMs(range.max) ?? Infinity];
  const bare = unit === "ms" ? "milliseconds" : "seconds";
  return {
    expects: `a duration from ${range.min} to ${range.max}, e.g. 500ms, 30s, 5m, 1h, 7d (a bare number is ${bare})`,
    sensitive: false,
    parse(text) {
      const ms = parseDurationMs(text, unit);
      if (ms === undefined) return refused("is not a duration");
      if (ms < min || ms > max) return refused(`is outside ${range.min} to ${range.max}`);
      if (ms % unitsMs[unit] !== 0) return refused("is not a whole number of seconds");
      return accepted(ms / unitsMs[unit]);
    },
    show: (value) => formatDuration(value * unitsMs[unit]),
  };
}
