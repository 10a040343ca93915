import { IntegrationError } from "./errors.ts";

/** Legal range of a numeric option. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
  /** Whole numbers only. */
  readonly integer?: boolean;
  /** `Infinity` is legal and means "no bound". */
  readonly unbounded?: boolean;
}

/** Collects everything that is wrong with the options of one class, so that all of it is told at once. */
export class OptionCheck {
  readonly #owner: string;
  readonly #service: string | undefined;
  readonly #problems: string[] = [];

  /** @param owner the class or function whose options they are, as the message begins */
  constructor(owner: string, service?: string) {
    this.#owner = owner;
    this.#service = service;
  }

  /** Undefined means "not given" and passes. */
  number(name: string, value: unknown, range: NumberRange): void {
    if (value === undefined || (range.unbounded && value === Infinity)) return;
    const legal =
      typeof value === "number" &&
      value >= range.min &&
      value <= range.max &&
      (!range.integer || Number.isInteger(value));
    if (legal) return;
    const kind = range.integer ? "a whole number" : "a number";
    const open = range.unbounded ? ", or Infinity" : "";
    this.problem(`${name} must be ${kind} from ${range.min} to ${range.max}${open}, got ${shown(value)}`);
  }

  /** All the numbers of an options object; members without a range are left alone. */
  numbers<K extends string>(
    values: Readonly<Partial<Record<NoInfer<K>, unknown>>>,
    ranges: Readonly<Record<K, NumberRange>>,
  ): void {
    for (const name of Object.keys(ranges) as K[]) this.number(name, values[name], ranges[name]);
  }

  /** Undefined means "not given" and passes. */
  oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
    if (value === undefined || allowed.includes(value)) return;
    this.problem(`${name} must be one of ${allowed.map(shown).join(", ")}, got ${shown(value)}`);
  }

  problem(text: string): void {
    this.#problems.push(text);
  }

  /** @throws IntegrationError `INVALID_INPUT` naming every problem */
  throwIfAny(): void {
    if (this.#problems.length === 0) return;
    throw new IntegrationError({
      code: "INVALID_INPUT",
      message: `${this.#owner}: ${this.#problems.join("; ")}`,
      service: this.#service,
      details: { problems: this.#problems },
    });
  }
}

/** A received value as a message may show it. */
export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}

/** The check of an object whose options are all numbers, and all given. @throws IntegrationError `INVALID_INPUT` */
export function checkNumbers<K extends string>(
  owner: string,
  values: Readonly<Record<NoInfer<K>, number>>,
  ranges: Readonly<Record<K, NumberRange>>,
): void {
  const check = new OptionCheck(owner);
  check.numbers(values, ranges);
  check.throwIfAny();
}
