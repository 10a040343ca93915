import { type Expression, selectorsOf, type RangeNode, type SelectorNode } from "../expression/expression.ts";
import { type SampleReader } from "../expression/evaluate.ts";
import { labelKey, labelOf, type LabelSet, type Sample, type SampleRange } from "../expression/sample.ts";
import { SampleRing } from "./sample-ring.ts";
import { type SeriesSource } from "./series-source.ts";

/** A series without a new sample for longer than this has no value: Prometheus' look-back, ms. */
export const LOOKBACK_MS = 300_000;

export interface SampleHistoryOptions {
  /** The exported name of what a condition says. */
  readonly resolve: (name: string) => string;
  /** Most samples that are held, at 17 bytes each. */
  readonly maxSamples: number;
  /** Called for each sample that found no room, or took that of an older one. */
  readonly onCrowded?: () => void;
}

interface HeldSeries {
  readonly name: string;
  readonly labels: LabelSet;
  readonly ring: SampleRing;
  /** The round of records that it was seen in last. */
  seenIn: number;
}

interface Tracked {
  readonly selectors: SelectorNode[];
  /** How far back samples are needed, ms; 0 keeps the newest alone. */
  retentionMs: number;
}

/**
 * The samples that rules need, and no others: series that a rule's selectors take, as far back as they look. Bounded by
 * `maxSamples` whatever the rules and series are.
 */
export class SampleHistory implements SampleReader {
  readonly #options: SampleHistoryOptions;
  /** By exported name. */
  #tracked = new Map<string, Tracked>();
  readonly #series = new Map<string, Map<string, HeldSeries>>();
  #capacity = 0;
  #round = 0;

  constructor(options: SampleHistoryOptions) {
    this.#options = options;
  }

  /** Sets the expressions that samples are kept for; what none of them needs is forgotten at the next record. */
  track(expressions: Iterable<Expression>): void {
    this.#tracked = new Map();
    for (const expression of expressions)
      for (const node of selectorsOf(expression)) {
        const selector = node.kind === "range" ? node.selector : node;
        const name = this.#options.resolve(selector.name);
        const tracked = this.#tracked.get(name) ?? { selectors: [], retentionMs: 0 };
        this.#tracked.set(name, tracked);
        tracked.selectors.push(selector);
        const reach = node.kind === "range" ? node.rangeMs : selector.offsetMs > 0 ? LOOKBACK_MS : 0;
        tracked.retentionMs = Math.max(tracked.retentionMs, selector.offsetMs + reach);
      }
  }

  /** Takes one sample of every tracked series. One that has vanished is marked stale: its alerts resolve at once. */
  record(at: number, source: SeriesSource): void {
    this.#round += 1;
    for (const [name, { selectors }] of this.#tracked)
      for (const { labels, value } of source.read(name))
        if (selectors.some((selector) => takes(selector, labels))) this.push(name, labels, at, value);
    this.#endUnseen(at);
    this.prune(at);
  }

  /** @param value `undefined` for a stale mark */
  push(name: string, labels: LabelSet, at: number, value: number | undefined): void {
    const ofName = this.#series.get(name) ?? new Map<string, HeldSeries>();
    this.#series.set(name, ofName);
    const key = labelKey(labels);
    let series = ofName.get(key);
    if (!series) {
      const ring = new SampleRing();
      if (!this.#mayGrow(ring.capacity)) return;
      series = { name, labels, ring, seenIn: this.#round };
      ofName.set(key, series);
    }
    series.seenIn = this.#round;
    series.ring.push(at, value, this.#mayGrow);
  }

  #endUnseen(at: number): void {
    for (const { ring, seenIn } of this.#all())
      if (seenIn < this.#round && ring.length > 0 && !ring.isStaleAt(ring.length - 1))
        ring.push(at, undefined, this.#mayGrow);
  }

  /** Forgets what no selector looks back to any more. */
  prune(at: number): void {
    for (const [name, ofName] of this.#series) {
      const retentionMs = this.#tracked.get(name)?.retentionMs;
      for (const [key, { ring }] of ofName) {
        const oldest = at - (retentionMs ?? 0);
        while (ring.length > 1 && ring.timeAt(1) <= oldest) ring.dropFirst();
        const ended = ring.length === 0 || ring.timeAt(ring.length - 1) < oldest - LOOKBACK_MS;
        if (!ended && retentionMs !== undefined) continue;
        ofName.delete(key);
        this.#capacity -= ring.capacity;
      }
      if (ofName.size === 0) this.#series.delete(name);
    }
  }

  instant(selector: SelectorNode, at: number): Sample[] {
    const until = at - selector.offsetMs;
    return this.#matching(selector).flatMap(({ name, labels, ring }): Sample[] => {
      const index = ring.lastUntil(until);
      if (index < 0 || ring.isStaleAt(index) || ring.timeAt(index) < until - LOOKBACK_MS) return [];
      return [{ name, labels, value: ring.valueAt(index) }];
    });
  }

  range({ selector, rangeMs }: RangeNode, at: number): SampleRange[] {
    const end = at - selector.offsetMs;
    return this.#matching(selector).flatMap(({ name, labels, ring }): SampleRange[] => {
      const times: number[] = [];
      const values: number[] = [];
      // Closed at both ends, as Prometheus 2 has it.
      for (let i = ring.lastUntil(end); i >= 0 && ring.timeAt(i) >= end - rangeMs; i -= 1) {
        if (ring.isStaleAt(i)) continue;
        times.push(ring.timeAt(i));
        values.push(ring.valueAt(i));
      }
      return times.length === 0 ? [] : [{ name, labels, times: times.reverse(), values: values.reverse() }];
    });
  }

  #matching(selector: SelectorNode): HeldSeries[] {
    const ofName = this.#series.get(this.#options.resolve(selector.name));
    return ofName ? [...ofName.values()].filter(({ labels }) => takes(selector, labels)) : [];
  }

  *#all(): Iterable<HeldSeries> {
    for (const ofName of this.#series.values()) yield* ofName.values();
  }

  readonly #mayGrow = (by: number): boolean => {
    if (this.#capacity + by > this.#options.maxSamples) {
      this.#options.onCrowded?.();
      return false;
    }
    this.#capacity += by;
    return true;
  };
}

/** Whether a selector takes a series of its metric. */
export function takes({ matchers }: SelectorNode, labels: LabelSet): boolean {
  return matchers.every(({ label, matches }) => matches(labelOf(labels, label)));
}
