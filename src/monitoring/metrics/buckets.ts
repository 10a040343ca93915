import { IntegrationError } from "../../core/index.ts";

/** Upper bounds in seconds: from a local query to a model that has to be loaded first. */
export const DEFAULT_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];

/** More bounds than this make a series that no scrape should carry. */
export const MAX_BUCKETS = 200;

/**
 * Bounds that grow by a factor: the relative error is the same everywhere.
 *
 * @throws IntegrationError INVALID_INPUT for a start or factor that gives no ascending numbers
 * @example
 * exponentialBuckets({ start: 0.001, factor: 2, count: 12 }); // 0.001, 0.002, 0.004, … 2.048
 */
export function exponentialBuckets(options: {
  /** The first bound, above 0. */
  readonly start: number;
  /** Above 1. */
  readonly factor: number;
  /** 1 to 200. */
  readonly count: number;
}): number[] {
  const { start, factor, count } = options;
  if (!(start > 0 && factor > 1))
    throw invalid("exponentialBuckets", "start must be above 0 and factor above 1", options);
  return series("exponentialBuckets", count, (i) => start * factor ** i, options);
}

/** Bounds at equal steps. @throws IntegrationError INVALID_INPUT for a width that gives no ascending numbers */
export function linearBuckets(options: {
  /** The first bound. */
  readonly start: number;
  /** Above 0. */
  readonly width: number;
  /** 1 to 200. */
  readonly count: number;
}): number[] {
  const { start, width, count } = options;
  if (!(width > 0)) throw invalid("linearBuckets", "width must be above 0", options);
  return series("linearBuckets", count, (i) => start + width * i, options);
}

function series(name: string, count: number, at: (index: number) => number, options: object): number[] {
  const isCount = Number.isInteger(count) && count >= 1 && count <= MAX_BUCKETS;
  // What multiplication leaves in the last digits would be exported as 0.30000000000000004.
  const bounds = isCount ? Array.from({ length: count }, (_, i) => Number(at(i).toPrecision(12))) : [];
  if (isCount && areBounds(bounds)) return bounds;
  throw invalid(name, `count must be an integer from 1 to ${MAX_BUCKETS} and all bounds finite`, options);
}

/** Finite, ascending, 1 to 200 of them. */
export function areBounds(bounds: readonly number[]): boolean {
  const ascending = bounds.every((bound, i) => Number.isFinite(bound) && bound > (bounds[i - 1] ?? -Infinity));
  return ascending && bounds.length > 0 && bounds.length <= MAX_BUCKETS;
}

function invalid(name: string, problem: string, options: object): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    message: `${name}: ${problem}, got ${JSON.stringify(options)}`,
  });
}
