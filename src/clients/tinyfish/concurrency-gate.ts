import { raceSignal } from "../../core/index.ts";

/** Lets so many in at a time; the others wait in the order of their coming. */
export class ConcurrencyGate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(capacity: number) {
    this.#free = capacity;
  }

  /** @returns what gives the place back; calling it twice is calling it once */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#queue(signal);
    let inside = true;
    return () => {
      if (inside) this.#leave();
      inside = false;
    };
  }

  async #queue(signal: AbortSignal): Promise<void> {
    let admit: () => void = () => undefined;
    const admitted = new Promise<void>((resolve) => (admit = resolve));
    this.#waiting.push(admit);
    try {
      await raceSignal(admitted, signal);
    } catch (reason) {
      const place = this.#waiting.indexOf(admit);
      // Admitted in the same moment: the place goes to the next.
      if (place < 0) this.#leave();
      else this.#waiting.splice(place, 1);
      throw reason;
    }
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
