import { type ValueType } from "./expression.ts";

/** What a function takes. */
export interface FunctionSignature {
  readonly args: readonly ValueType[];
  readonly returns: Exclude<ValueType, "range">;
}

const ofRange: FunctionSignature = { args: ["range"], returns: "vector" };
const ofVector: FunctionSignature = { args: ["vector"], returns: "vector" };

/** Every function that conditions may call, by Prometheus' names. */
export const functionTable: Readonly<Record<string, FunctionSignature>> = {
  rate: ofRange,
  irate: ofRange,
  increase: ofRange,
  delta: ofRange,
  changes: ofRange,
  resets: ofRange,
  avg_over_time: ofRange,
  min_over_time: ofRange,
  max_over_time: ofRange,
  sum_over_time: ofRange,
  count_over_time: ofRange,
  last_over_time: ofRange,
  absent_over_time: ofRange,
  absent: ofVector,
  abs: ofVector,
  ceil: ofVector,
  floor: ofVector,
  clamp_min: { args: ["vector", "scalar"], returns: "vector" },
  clamp_max: { args: ["vector", "scalar"], returns: "vector" },
  histogram_quantile: { args: ["scalar", "vector"], returns: "vector" },
  scalar: { args: ["vector"], returns: "scalar" },
  vector: { args: ["scalar"], returns: "vector" },
  time: { args: [], returns: "scalar" },
};
