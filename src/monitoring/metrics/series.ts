import { escapeLabelValue } from "./names.ts";

/** Why a record was not taken. */
export type RefusalReason = "not_a_number" | "negative" | "unknown_metric" | "unknown_label" | "not_computed";
export type Refuse = (reason: RefusalReason) => void;

/** Who keeps a series, and takes it back when it is recorded to after it expired. */
export interface SeriesHome {
  /** @returns the series that stands for these labels now: `series` itself, unless another one took its place */
  readmit(series: Series): Series;
}

/** Recorded to since the last look. The one state in which a record costs nothing more. */
const ACTIVE = 1;
const IDLE = 0;
const EXPIRED = 2;

/** One time series of a metric: its labels and, in subclasses, its numbers. */
export abstract class Series {
  /** In the order of the metric's label names. */
  readonly values: readonly string[];
  /** ms since the epoch. */
  readonly createdAt: number;
  /** Not to expire: it has no labels, is computed, or stands for the overflow. */
  permanent = false;
  home: SeriesHome | undefined;
  protected state: 0 | 1 | 2 = IDLE;
  readonly #names: readonly string[];
  #idleSince = 0;
  #labels: Readonly<Record<string, string>> | undefined;
  #labelText: string | undefined;

  constructor(names: readonly string[], values: readonly string[], createdAt: number) {
    this.#names = names;
    this.values = values;
    this.createdAt = createdAt;
  }

  /** As exported; empty labels are absent. Always the same object. */
  get labels(): Readonly<Record<string, string>> {
    return (this.#labels ??= Object.fromEntries(this.#pairs()));
  }

  /** `a="x",b="y"`, escaped. Taken once into line heads, when the series is first exported. */
  get labelText(): string {
    return (this.#labelText ??= this.#pairs()
      .map(([name, value]) => `${name}="${escapeLabelValue(value)}"`)
      .join(","));
  }

  /**
   * Looks whether it was recorded to since the look before: so that recording reads no clock.
   * @returns true when it has been idle for `ttlMs` and is expired from now on
   */
  look(now: number, ttlMs: number): boolean {
    if (this.state === ACTIVE || this.permanent) {
      this.state = IDLE;
      this.#idleSince = now;
    } else if (now - this.#idleSince >= ttlMs) this.state = EXPIRED;
    return this.state === EXPIRED;
  }

  /** From now on it is neither active nor expired. */
  rest(now: number): void {
    this.state = IDLE;
    this.#idleSince = now;
  }

  /** The slow half of a record: the first one since the last look, or one through a handle whose series had expired. */
  protected awake(): this {
    const current = this.state === EXPIRED ? (this.home?.readmit(this) ?? this) : this;
    current.state = ACTIVE;
    return current as this;
  }

  #pairs(): (readonly [string, string])[] {
    return this.#names.map((name, i) => [name, this.values[i] ?? ""] as const).filter(([, value]) => value !== "");
  }
}

/** `state` of a series that takes a record at once. */
export const ACTIVE_SERIES = ACTIVE;
