import { type RunOptions } from "./run-options.ts";
import { textTable } from "./text-table.ts";

/** One figure beside what was promised. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** How it is written, e.g. `×`, `ns`, `MiB`, `differences`. */
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Printed beside the figure, e.g. an aim that is not a target. */
  readonly note?: string;
}

export interface ReportJson {
  readonly name: string;
  readonly form: "short" | "full";
  readonly seconds: number;
  readonly machine: string;
  readonly figures: readonly (Figure & { readonly ok?: boolean })[];
  readonly errors: readonly string[];
  readonly ok: boolean;
}

/** Whether a figure keeps its target; undefined where it has none. NaN keeps none. */
export function keeps({ value, atMost, atLeast }: Figure): boolean | undefined {
  if (atMost === undefined && atLeast === undefined) return undefined;
  return value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity);
}

/** Collects the figures of one run and prints them as they come. */
export class Report {
  readonly #name: string;
  readonly #options: RunOptions;
  readonly #figures: Figure[] = [];
  readonly #errors: string[] = [];
  readonly #startedAt = performance.now();
  #running: string | undefined;

  constructor(name: string, options: RunOptions) {
    this.#name = name;
    this.#options = options;
    // A promise that nobody will ever settle does not keep the process: it ends in the middle of a part.
    process.once("exit", () => {
      if (this.#running === undefined) return;
      console.log(`  FAILED: ${this.#running}: it hangs, waiting for something that will never come`);
      process.exitCode = 1;
    });
    console.log(`${name}, ${options.short ? "short" : "full"} form; ${options.machine}`);
  }

  /** Runs one part. What it throws is printed and fails the run; the other parts still run. */
  async part(title: string, run: () => Promise<readonly Figure[]>): Promise<void> {
    const { only } = this.#options;
    if (only !== undefined && !title.includes(only)) return;
    console.log(`\n${title}`);
    this.#running = title;
    try {
      const figures = await run();
      this.#figures.push(...figures);
      console.log(textTable(["", "measured", "target", ""], figures.map(rowOf)));
    } catch (error) {
      this.#errors.push(`${title}: ${error instanceof Error ? error.message : String(error)}`);
      console.log(`  FAILED: ${error instanceof Error ? error.stack : String(error)}`);
    }
    this.#running = undefined;
  }

  /** Prints the verdict, as the last line the whole as JSON if asked for. @returns the exit code */
  finish(): number {
    const missed = this.#figures.filter((figure) => keeps(figure) === false);
    const gated = this.#figures.filter((figure) => keeps(figure) !== undefined).length;
    const ok = missed.length === 0 && this.#errors.length === 0 && gated > 0;
    const seconds = Math.round((performance.now() - this.#startedAt) / 100) / 10;
    console.log(`\n${gated - missed.length} of ${gated} targets kept, ${this.#errors.length} errors, ${seconds} s`);
    for (const figure of missed) console.log(`  MISSED ${figure.name}: ${written(figure)}, target ${targetOf(figure)}`);
    for (const error of this.#errors) console.log(`  ERROR ${error}`);
    if (this.#options.json) {
      const result: ReportJson = {
        name: this.#name,
        form: this.#options.short ? "short" : "full",
        seconds,
        machine: this.#options.machine,
        figures: this.#figures.map((figure) => ({ ...figure, ...okOf(figure) })),
        errors: this.#errors,
        ok,
      };
      console.log(JSON.stringify(result));
    }
    return ok ? 0 : 1;
  }
}

function okOf(figure: Figure): { ok?: boolean } {
  const ok = keeps(figure);
  return ok === undefined ? {} : { ok };
}

function rowOf(figure: Figure): string[] {
  const verdict = { true: "ok", false: "MISSED", undefined: "" }[`${keeps(figure)}`] ?? "";
  return [figure.name, written(figure), targetOf(figure), [verdict, figure.note].filter(Boolean).join("  ")];
}

function written({ value, unit }: Figure): string {
  return unit === "×" ? `${digits(value)} ×` : `${digits(value)} ${unit}`;
}

function targetOf({ atMost, atLeast, unit }: Figure): string {
  const bounds = [
    ...(atLeast === undefined ? [] : [`≥ ${digits(atLeast)}`]),
    ...(atMost === undefined ? [] : [`≤ ${digits(atMost)}`]),
  ];
  return bounds.length === 0 ? "" : `${bounds.join(", ")} ${unit}`;
}

/** Three digits are all that a shared machine repeats. Counts are written whole. */
function digits(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
