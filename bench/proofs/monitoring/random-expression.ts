import { type Random } from "../../../src/core/index.ts";

/** What expressions are made over. */
export const gauges = ["g1", "g2"];
export const counters = ["c1_total", "c2_total"];
export const buckets = "h_seconds_bucket";
export const labelValues: Readonly<Record<string, readonly string[]>> = { a: ["x", "y", "z"], b: ["1", "2"] };

/** A condition out of the whole grammar, as text. */
export function randomExpression(random: Random): string {
  return new ExpressionMaker(random).condition();
}

class ExpressionMaker {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  condition(): string {
    const comparison = () => `${this.#vector(2)} ${this.#pick([">", ">=", "<", "<="])} ${this.#threshold()}`;
    return this.#oneOf([
      [6, comparison],
      [1, () => `${this.#integer()} ${this.#pick(["<", ">", "<=", ">="])} ${this.#vector(2)}`],
      [1, () => `${this.#vector(1)} ${this.#pick(["==", "!="])} ${this.#integer()}`],
      [2, () => `${comparison()} ${this.#pick(["and", "or", "unless"])}${this.#matching()} ${comparison()}`],
      [1, () => `(${comparison()}) ${this.#pick(["and", "unless"])} on (a) ${this.#vector(1)} > ${this.#integer()}`],
      [1, () => this.#absent()],
      [1, () => this.#vector(2)],
      [1, () => `${this.#vector(1)} > bool ${this.#threshold()} == 1`],
      [1, () => `${this.#vector(1)} >${this.#matching()} ${this.#vector(1)}`],
    ]);
  }

  #vector(depth: number): string {
    if (depth === 0) return this.#selector();
    const inner = () => this.#vector(depth - 1);
    return this.#oneOf([
      [3, () => this.#selector()],
      [4, () => this.#ofRange()],
      [3, () => this.#aggregate(inner())],
      [2, () => `${this.#group(inner())} ${this.#pick(["+", "-", "*", "/", "%", "^"])} ${this.#integer()}`],
      [1, () => `${this.#integer()} ${this.#pick(["+", "-", "*", "/"])} ${this.#group(inner())}`],
      [1, () => `${this.#pick(["abs", "ceil", "floor"])}(${inner()})`],
      [1, () => `${this.#pick(["clamp_min", "clamp_max"])}(${inner()}, ${this.#integer()})`],
      [1, () => `-${this.#group(inner())}`],
      [2, () => this.#ratio()],
      [2, () => this.#quantile()],
      [1, () => `(${inner()} or vector(${this.#integer()}))`],
      [1, () => `(${inner()} > bool ${this.#integer()})`],
      [1, () => `scalar(${this.#selector()}) + ${this.#selector()}`],
      [1, () => `time() % 300 - ${this.#selector()}`],
    ]);
  }

  #ratio(): string {
    const [one, other] = [this.#pick(counters), this.#pick(counters)];
    const range = this.#range();
    const labels = this.#pick(["a", "b", "a, b"]);
    return this.#oneOf([
      [2, () => `sum by (${labels}) (rate(${one}[${range}])) / sum by (${labels}) (rate(${other}[${range}]))`],
      [1, () => `rate(${one}[${range}]) / rate(${other}[${range}])`],
      [1, () => `${this.#pick(gauges)} ${this.#pick(["+", "-", "*"])}${this.#matching()} ${this.#pick(gauges)}`],
    ]);
  }

  #quantile(): string {
    const range = this.#range();
    const q = this.#pick(["0", "0.5", "0.9", "0.99", "1"]);
    return this.#oneOf([
      [2, () => `histogram_quantile(${q}, sum by (le) (rate(${buckets}[${range}])))`],
      [1, () => `histogram_quantile(${q}, rate(${buckets}[${range}]))`],
      [1, () => `histogram_quantile(${q}, ${buckets})`],
    ]);
  }

  #ofRange(): string {
    const functions = [
      ...["avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "last_over_time"],
      ...["changes", "resets", "delta", "rate", "increase", "irate"],
    ];
    const name = this.#pick(["rate", "increase", ...functions]);
    const metric = ["rate", "increase", "irate"].includes(name)
      ? this.#pick(counters)
      : this.#pick([...gauges, ...counters]);
    return `${name}(${metric}${this.#matchers()}[${this.#range()}]${this.#offset()})`;
  }

  #absent(): string {
    return this.#oneOf([
      [2, () => `absent(${this.#selector()})`],
      [1, () => `absent_over_time(${this.#pick(gauges)}${this.#matchers()}[${this.#range()}])`],
      [1, () => `absent(sum by (a) (${this.#selector()}))`],
    ]);
  }

  #aggregate(inner: string): string {
    const operator = this.#pick(["sum", "avg", "min", "max", "count"]);
    const labels = this.#pick(["a", "b", "a, b", "missing", ""]);
    return this.#oneOf([
      [1, () => `${operator}(${inner})`],
      [2, () => `${operator} ${this.#pick(["by", "without"])} (${labels}) (${inner})`],
    ]);
  }

  #selector(): string {
    return `${this.#pick([...gauges, ...gauges, ...counters])}${this.#matchers()}${this.#offset()}`;
  }

  #matchers(): string {
    const matcher = () =>
      this.#pick(['a="x"', 'a!="y"', 'a=~"x|z"', 'a!~"x.*"', 'b="1"', 'b=~".+"', 'missing=""', 'b!~"2"', 'a=~"[xy]"']);
    return this.#oneOf([
      [4, () => ""],
      [3, () => `{${matcher()}}`],
      [1, () => `{${matcher()},${matcher()}}`],
    ]);
  }

  #matching = (): string => this.#pick(["", "", " on (a, b)", " ignoring (missing)", " on (a)", " ignoring (b)"]);

  #offset = (): string => this.#pick(["", "", "", "", "", "", " offset 1m", " offset 150s"]);

  #range = (): string => this.#pick(["45s", "1m", "2m", "5m", "10m"]);

  #threshold = (): string =>
    this.#pick([this.#integer(), this.#integer(), "0.5", "0.05", "1.25", "-0.25", "(3 - 1) * 2", "Inf", "-1e1"]);

  #integer = (): string => String(Math.floor(this.#random.next() * 12) - 2);

  #group = (text: string): string => `(${text})`;

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random.next() * choices.length)] as T;
  }

  #oneOf(choices: readonly (readonly [number, () => string])[]): string {
    let left = this.#random.next() * choices.reduce((total, [weight]) => total + weight, 0);
    for (const [weight, make] of choices) if ((left -= weight) < 0) return make();
    return (choices[0] as readonly [number, () => string])[1]();
  }
}
