/** Labels of a series, as exported; an empty label is an absent one. */
export type LabelSet = Readonly<Record<string, string>>;

/** One value of one series. */
export interface Sample {
  /** The metric's name; empty once a computation made it another quantity. */
  readonly name: string;
  readonly labels: LabelSet;
  readonly value: number;
}

/** The samples of one series over a stretch of time, oldest first; never empty. */
export interface SampleRange {
  readonly name: string;
  readonly labels: LabelSet;
  /** Monotonic ms. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

/** A series may carry any label name, `constructor` too. */
export const labelOf = (labels: LabelSet, name: string): string =>
  Object.hasOwn(labels, name) ? (labels[name] as string) : "";

/** Series hand out the same object at each reading. */
const keys = new WeakMap<LabelSet, string>();

/** Equal for equal labels, whatever their order. */
export function labelKey(labels: LabelSet): string {
  let key = keys.get(labels);
  if (key === undefined) {
    const names = Object.keys(labels).sort();
    key = names.length === 0 ? "" : JSON.stringify(names.map((name) => [name, labels[name]]));
    keys.set(labels, key);
  }
  return key;
}

export function pickLabels(labels: LabelSet, names: readonly string[]): LabelSet {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => names.includes(name)));
}

export function omitLabels(labels: LabelSet, names: readonly string[]): LabelSet {
  if (names.length === 0) return labels;
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !names.includes(name)));
}
