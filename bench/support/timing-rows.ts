import { type Timings } from "./measure.ts";
import { textTable } from "./text-table.ts";

/** Prints nanoseconds per operation of all cases, and how each compares with `base`. */
export function printTimings(timings: Timings, base: string): void {
  const rows = timings.names.map((name) => [
    name,
    nanoseconds(timings.medianNs(name)),
    nanoseconds(timings.bestNs(name)),
    `${Number(timings.ratio(name, base).toPrecision(3))} ×`,
  ]);
  console.log(textTable(["", "median ns", "best ns", `against ${base}`], rows));
}

const nanoseconds = (value: number) => Math.round(value).toLocaleString("en-US");
