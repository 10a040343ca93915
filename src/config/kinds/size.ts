import { accepted, type Kind, refused } from "./kind.ts";

/** SI units count in thousands, IEC units in 1024s. */
const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Reads `100MB`, `64MiB`, `1048576`; the unit's case does not matter.
 *
 * @returns bytes, or undefined if the text is not a size
 */
export function parseSizeBytes(text: string): number | undefined {
  const match = /^(\d{1,16}) ?([kmgt]?i?b)?$/i.exec(text);
  const unit = unitBytes[match?.[2]?.toLowerCase() ?? "b"];
  if (!match || unit === undefined) return undefined;
  const bytes = Number(match[1]) * unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest exact writing in SI units, e.g. `100000000` → `100MB`; {@link parseSizeBytes} reads it back. */
export function formatSize(bytes: number): string {
  const unit = (["tb", "gb", "mb", "kb"] as const).find((name) => bytes > 0 && bytes % (unitBytes[name] ?? 1) === 0);
  return unit === undefined ? `${bytes}B` : `${bytes / (unitBytes[unit] ?? 1)}${unit.toUpperCase()}`;
}

/** A size in bytes. */
export function sizeBytes(range: { readonly min: string; readonly max: string }): Kind<number> {
  const [min, max] = [parseSizeBytes(range.min) ?? 0, parseSizeBytes(range.max) ?? Infinity];
  return {
    expects: `a size from ${range.min} to ${range.max}, e.g. 100MB, 64MiB (a bare number is bytes)`,
    sensitive: false,
    parse(text) {
      const bytes = parseSizeBytes(text);
      if (bytes === undefined) return refused("is not a size");
      return bytes < min || bytes > max ? refused(`is outside ${range.min} to ${range.max}`) : accepted(bytes);
    },
    show: formatSize,
  };
}
