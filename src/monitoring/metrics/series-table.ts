import { cleanLabelValue, type Labels } from "./names.ts";
import { type Series, type SeriesHome } from "./series.ts";

export const OVERFLOW = "__overflow__";

/** Series that a look-up at the cap examines, in turn, for one that may go. */
const LOOKED_AT_PER_OVERFLOW = 32;

export interface SeriesTableOptions<S> {
  readonly labelNames: readonly string[];
  /** Most series, the overflow one included. */
  readonly limit: number;
  /** Series that were idle for so long are dropped, ms. `undefined`: none is. */
  readonly ttlMs: number | undefined;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly make: (values: readonly string[]) => S;
  /** Called for each look-up that had to take the overflow series. */
  readonly onOverflow: () => void;
  /** Called for each series that was dropped. */
  readonly onExpired: () => void;
}

type Branch<S> = Map<string, Branch<S> | S>;

/**
 * The series of one metric, found by their label values: a map per label, because nested look-ups of the given strings
 * cost a fraction of building one joined key, and no two label sets can collide.
 */
export class SeriesTable<S extends Series> implements SeriesHome {
  readonly #options: SeriesTableOptions<S>;
  readonly #names: readonly string[];
  readonly #root: Branch<S> = new Map();
  /** In order of creation. A set, so that one can go while another reader is half-way through. */
  readonly #all = new Set<S>();
  #bare: S | undefined;
  #overflow: S | undefined;
  #patrol: Iterator<S, undefined> | undefined;

  constructor(options: SeriesTableOptions<S>) {
    this.#options = options;
    this.#names = options.labelNames;
  }

  get size(): number {
    return this.#all.size;
  }

  /** In order of creation. Those that have expired are dropped on the way. */
  *all(): Generator<S, void, undefined> {
    const { ttlMs } = this.#options;
    if (ttlMs === undefined) return yield* this.#all;
    const now = this.#options.now();
    for (const series of this.#all) {
      if (series.look(now, ttlMs)) this.#drop(series);
      else yield series;
    }
  }

  /** @returns the series, made if need be; `undefined` when `labels` holds a name that was not declared */
  find(labels: Labels | undefined): S | undefined {
    return this.#findInOrder(labels) ?? this.#findByName(labels);
  }

  /**
   * The common case: the labels are all there, in the order of their declaration. Reading an object while walking over
   * it costs the engine half of what asking for each name does, and shows at once that no name is unknown.
   */
  #findInOrder(labels: Labels | undefined): S | undefined {
    const names = this.#names;
    let node: Branch<S> | S | undefined = this.#root;
    let index = 0;
    for (const name in labels) {
      if (name !== names[index]) return undefined;
      index += 1;
      const value: unknown = labels[name];
      node = (node as Branch<S>).get(typeof value === "string" ? value : textOf(value));
      if (node === undefined) return undefined;
    }
    if (index !== names.length) return undefined;
    return index === 0 ? this.#bare : (node as S);
  }

  #findByName(labels: Labels | undefined): S | undefined {
    const names = this.#names;
    if (Object.keys(labels ?? {}).some((name) => !names.includes(name))) return undefined;
    if (names.length === 0) return (this.#bare ??= this.#add([]));
    return this.#walk(names.map((name) => textOf(labels?.[name]))) ?? this.#create(labels);
  }

  readmit(series: Series): S {
    return this.#walk(series.values) ?? this.#admit(series.values, series as S);
  }

  #create(labels: Labels | undefined): S {
    const values = this.#names.map((name) => cleanLabelValue(textOf(labels?.[name])));
    return this.#walk(values) ?? this.#admit(values);
  }

  /** Puts a new series (or one that comes back) at its place, or gives the overflow series where there is none left. */
  #admit(values: readonly string[], returning?: S): S {
    if (this.#all.size < this.#options.limit - 1 || this.#makeRoom()) return this.#insert(values, returning);
    this.#options.onOverflow();
    return (this.#overflow ??= this.#makeOverflow());
  }

  #makeOverflow(): S {
    const values = this.#names.map(() => OVERFLOW);
    const series = this.#walk(values) ?? this.#insert(values);
    series.permanent = true;
    return series;
  }

  #walk(values: readonly string[]): S | undefined {
    let node: Branch<S> | S | undefined = this.#root;
    for (const value of values) node = (node as Branch<S> | undefined)?.get(value);
    return node as S | undefined;
  }

  #insert(values: readonly string[], returning?: S): S {
    let branch = this.#root;
    for (const value of values.slice(0, -1)) {
      const next = (branch.get(value) as Branch<S> | undefined) ?? new Map<string, Branch<S> | S>();
      branch.set(value, next);
      branch = next;
    }
    const last = values.at(-1) as string;
    const series = this.#add(values, returning);
    branch.set(last, series);
    return series;
  }

  #add(values: readonly string[], returning?: S): S {
    const series = returning ?? this.#options.make(values);
    series.home = this;
    if (values.length === 0) series.permanent = true;
    if (this.#options.ttlMs !== undefined) series.rest(this.#options.now());
    this.#all.add(series);
    return series;
  }

  /** Goes on where it stopped last time, so that no look-up pays for a walk over all of them. */
  #makeRoom(): boolean {
    const { ttlMs } = this.#options;
    if (ttlMs === undefined) return false;
    const now = this.#options.now();
    for (let looked = 0; looked < LOOKED_AT_PER_OVERFLOW; looked += 1) {
      this.#patrol ??= this.#all.values();
      const next = this.#patrol.next();
      if (next.done === true) this.#patrol = undefined;
      else if (next.value.look(now, ttlMs)) this.#drop(next.value);
    }
    return this.#all.size < this.#options.limit - 1;
  }

  #drop(series: S): void {
    this.#all.delete(series);
    this.#prune(this.#root, series.values, 0);
    this.#options.onExpired();
  }

  /** Branches without leaves go, too: label values that come and go must leave nothing behind. */
  #prune(branch: Branch<S>, values: readonly string[], depth: number): void {
    const value = values[depth] as string;
    const child = branch.get(value);
    if (child === undefined) return;
    if (child instanceof Map) this.#prune(child, values, depth + 1);
    if (!(child instanceof Map) || child.size === 0) branch.delete(value);
  }
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint" ? String(value) : "";
}
