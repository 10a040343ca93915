import { IntegrationError } from "../core/index.ts";

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
  readonly #problems: string[] = [];

  constructor(owner: string) {
    this.#owner = owner;
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
    this.problem(`${name} must be ${kind} from ${range.min} to ${range.max}${open}; received ${shown(value)}`);
  }

  /** Undefined means "not given" and passes. */
  oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
    if (value === undefined || allowed.includes(value)) return;
    this.problem(`${name} must be one of ${allowed.map(shown).join(", ")}; received ${shown(value)}`);
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
      details: { problems: this.#problems },
    });
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}
