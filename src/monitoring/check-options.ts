import { IntegrationError } from "../core/index.ts";

/** Allowed range of one numeric option. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly integer?: boolean;
}

/** @throws IntegrationError INVALID_INPUT naming every option out of range, its range and what was received */
export function checkNumbers<K extends string>(
  owner: string,
  values: Readonly<Record<NoInfer<K>, number>>,
  ranges: Readonly<Record<K, NumberRange>>,
): void {
  const problems = (Object.keys(ranges) as K[]).flatMap((name) => {
    const { min, max, integer } = ranges[name];
    const value: unknown = values[name];
    const ok = typeof value === "number" && value >= min && value <= max && (!integer || Number.isInteger(value));
    const kind = integer ? "an integer" : "a number";
    return ok ? [] : [`${name} must be ${kind} from ${min} to ${max}, got ${String(value)}`];
  });
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `${owner}: ${problems.join("; ")}` });
}
