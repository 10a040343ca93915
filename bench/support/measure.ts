import { setImmediate as nextTurn } from "node:timers/promises";
import { median, pairedRatio } from "./statistics.ts";

/** One thing to be timed against the others of its table. */
export interface BenchCase {
  readonly name: string;
  /** One operation; told how many it has run before. A promise that it returns is awaited. */
  readonly run: (index: number) => unknown;
  /** At most so many operations in a slice: for cases that take milliseconds. @defaultValue as many as fit */
  readonly maxOperations?: number;
}

/** How long a table takes: cases × rounds × sliceMs, and a warm-up. */
export interface Effort {
  readonly rounds: number;
  readonly sliceMs: number;
}

export const FULL: Effort = { rounds: 15, sliceMs: 40 };
export const SHORT: Effort = { rounds: 7, sliceMs: 8 };

/** Nanoseconds per operation, one value for each round. */
export class Timings {
  readonly #slices: ReadonlyMap<string, readonly number[]>;

  constructor(slices: ReadonlyMap<string, readonly number[]>) {
    this.#slices = slices;
  }

  get names(): string[] {
    return [...this.#slices.keys()];
  }

  medianNs(name: string): number {
    return median(this.#of(name));
  }

  /** The least disturbed slice. */
  bestNs(name: string): number {
    return Math.min(...this.#of(name));
  }

  /** How many times dearer `name` is than `base`, within the same rounds. */
  ratio(name: string, base: string): number {
    return pairedRatio(this.#of(name), this.#of(base));
  }

  #of(name: string): readonly number[] {
    const slices = this.#slices.get(name);
    if (!slices) throw new Error(`the table has no case named ${name}; it has ${this.names.join(", ")}`);
    return slices;
  }
}

type Loop = (run: BenchCase["run"], from: number, to: number) => unknown;

/**
 * Times the cases in turns: one slice each per round, and each round begins with another one, so that none always runs
 * in the shadow of the same neighbour.
 */
export async function measure(cases: readonly BenchCase[], { rounds, sliceMs }: Effort): Promise<Timings> {
  const runners = cases.map((each, index) => new CaseRunner(each, index));
  for (const runner of runners) await runner.warmUp(sliceMs);
  for (let round = 0; round < rounds; round += 1)
    for (let turn = 0; turn < runners.length; turn += 1) await runners[(round + turn) % runners.length]?.slice();
  return new Timings(new Map(runners.map(({ name, slices }) => [name, slices])));
}

class CaseRunner {
  readonly name: string;
  readonly slices: number[] = [];
  readonly #run: BenchCase["run"];
  readonly #loop: Loop;
  readonly #most: number;
  #done = 0;
  #perSlice = 1;

  constructor({ name, run, maxOperations = Infinity }: BenchCase, index: number) {
    this.name = name;
    this.#run = run;
    this.#most = maxOperations;
    const result = run(0);
    this.#loop = generateLoop(index, result instanceof Promise);
    this.#done = 1;
  }

  /** Lets the compiler finish, and finds out how many operations fill a slice. */
  async warmUp(sliceMs: number): Promise<void> {
    for (;;) {
      const tookMs = await this.#timeMs(this.#perSlice);
      if (this.#perSlice >= this.#most || tookMs >= sliceMs / 2) {
        this.#perSlice = Math.min(this.#most, Math.max(1, Math.round((this.#perSlice * sliceMs) / tookMs)));
        break;
      }
      this.#perSlice *= 2;
    }
    if (this.#most === Infinity) for (let again = 0; again < 3; again += 1) await this.#timeMs(this.#perSlice);
  }

  async slice(): Promise<void> {
    this.slices.push(((await this.#timeMs(this.#perSlice)) * 1e6) / this.#perSlice);
  }

  async #timeMs(operations: number): Promise<number> {
    await nextTurn(); // timers and I/O that the slice before left waiting
    const from = this.#done;
    const startedAt = performance.now();
    await this.#loop(this.#run, from, from + operations);
    const tookMs = performance.now() - startedAt;
    this.#done += operations;
    return tookMs;
  }
}

/**
 * A loop of its own for each case: a shared one would see many functions at its call, and the compiler would stop
 * inlining any of them. The number in the source keeps V8 from sharing what it has learnt.
 */
function generateLoop(index: number, isAsync: boolean): Loop {
  const body = isAsync ? "await run(i)" : "last = run(i)";
  const source = `return ${isAsync ? "async " : ""}function loop${index}(run, from, to) {
    let last;
    for (let i = from; i < to; i += 1) ${body};
    return last;
  }`;
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the source is the constant above
  return (new Function(source) as () => Loop)();
}
