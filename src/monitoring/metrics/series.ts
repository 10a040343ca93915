import { cleanLabelValue, escapeLabelValue, type Labels } from "./names.ts";

/** Why a record was not taken. */
export type RefusalReason = "not_a_number" | "negative" | "unknown_metric" | "unknown_label";
export type Refuse = (reason: RefusalReason) => void;

/** One time series of a metric: its labels and, in subclasses, its numbers. */
export abstract class Series {
  /** As exported; empty labels are absent. */
  readonly labels: Readonly<Record<string, string>>;
  /** `a="x",b="y"`, escaped: line heads are built from it once. */
  readonly labelText: string;

  constructor(names: readonly string[], values: readonly string[]) {
    const pairs = names.map((name, i) => [name, values[i] ?? ""] as const).filter(([, value]) => value !== "");
    this.labels = Object.fromEntries(pairs);
    this.labelText = pairs.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(",");
  }
}

export const OVERFLOW = "__overflow__";

export interface SeriesTableOptions<S> {
  readonly labelNames: readonly string[];
  /** Most series, the overflow one included. */
  readonly limit: number;
  readonly make: (values: readonly string[]) => S;
  /** Called for each look-up that had to take the overflow series. */
  readonly onOverflow: () => void;
}

type Branch<S> = Map<string, Branch<S> | S>;

/**
 * The series of one metric, found by their label values: a map per label, because nested look-ups of the given strings
 * cost a fraction of building one joined key, and no two label sets can collide.
 */
export class SeriesTable<S extends Series> {
  /** In order of creation. */
  readonly all: S[] = [];
  readonly #options: SeriesTableOptions<S>;
  readonly #names: readonly string[];
  readonly #root: Branch<S> = new Map();
  #bare: S | undefined;
  #overflow: S | undefined;

  constructor(options: SeriesTableOptions<S>) {
    this.#options = options;
    this.#names = options.labelNames;
  }

  /** @returns the series, made if need be; `undefined` when `labels` holds a name that was not declared */
  find(labels: Labels | undefined): S | undefined {
    const names = this.#names;
    if (names.length === 0) return this.#hasUnknown(labels, 0) ? undefined : (this.#bare ??= this.#add([]));
    let node: Branch<S> | S | undefined = this.#root;
    let given = 0;
    for (let i = 0; i < names.length && node !== undefined; i += 1) {
      const value: unknown = labels?.[names[i] as string];
      if (value !== undefined) given += 1;
      node = (node as Branch<S>).get(typeof value === "string" ? value : textOf(value));
    }
    if (node === undefined) return this.#hasUnknown(labels, -1) ? undefined : this.#create(labels);
    return this.#hasUnknown(labels, given) ? undefined : (node as S);
  }

  /** Counting keys is cheap; only a surplus is looked at name by name. */
  #hasUnknown(labels: Labels | undefined, declared: number): boolean {
    let surplus = -declared;
    for (const _ in labels) surplus += 1;
    if (surplus === 0) return false;
    return Object.keys(labels ?? {}).some((name) => !this.#names.includes(name));
  }

  #create(labels: Labels | undefined): S {
    const values = this.#names.map((name) => cleanLabelValue(textOf(labels?.[name])));
    const existing = this.#walk(values);
    if (existing) return existing;
    if (this.all.length >= this.#options.limit - 1) {
      this.#options.onOverflow();
      return (this.#overflow ??= this.#insert(this.#names.map(() => OVERFLOW)));
    }
    return this.#insert(values);
  }

  #walk(values: readonly string[]): S | undefined {
    let node: Branch<S> | S | undefined = this.#root;
    for (const value of values) node = (node as Branch<S> | undefined)?.get(value);
    return node as S | undefined;
  }

  #insert(values: readonly string[]): S {
    let branch = this.#root;
    for (const value of values.slice(0, -1)) {
      const next = (branch.get(value) as Branch<S> | undefined) ?? new Map<string, Branch<S> | S>();
      branch.set(value, next);
      branch = next;
    }
    const last = values.at(-1) as string;
    const found = branch.get(last) as S | undefined;
    if (found) return found;
    const series = this.#add(values);
    branch.set(last, series);
    return series;
  }

  #add(values: readonly string[]): S {
    const series = this.#options.make(values);
    this.all.push(series);
    return series;
  }
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint" ? String(value) : "";
}
