import { type ServiceState } from "./service-state.ts";

/**
 * A service as a pipeline knows it: its own state, which calls share that name no part, and one for each part, so that
 * the outage of one is not held against the others.
 */
export class Service {
  readonly name: string;
  readonly own: ServiceState;
  readonly #parts = new Map<string, ServiceState>();
  readonly #newPart: (part: string) => ServiceState;
  /** Who wants writes refused, and why. */
  readonly #holds = new Map<string, string>();

  /** @param newPart makes the state of a part when it is first asked for */
  constructor(own: ServiceState, newPart: (part: string) => ServiceState) {
    this.name = own.name;
    this.own = own;
    this.#newPart = newPart;
  }

  part(name: string): ServiceState {
    const known = this.#parts.get(name);
    if (known) return known;
    const part = this.#newPart(name);
    part.readOnly = this.own.readOnly;
    this.#parts.set(name, part);
    return part;
  }

  /** Those seen or configured. */
  get parts(): readonly ServiceState[] {
    return [...this.#parts.values()];
  }

  /** Its own, and those of its parts. */
  get states(): readonly ServiceState[] {
    return [this.own, ...this.parts];
  }

  /** @param reason why writes are to be refused as far as `by` is concerned; undefined takes it back */
  hold(by: string, reason: string | undefined): void {
    if (reason === undefined) this.#holds.delete(by);
    else this.#holds.set(by, reason);
    const readOnly = [...this.#holds.values()].at(-1);
    for (const state of this.states) state.readOnly = readOnly;
  }
}
