import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { undisturbedMs } from "./undisturbed-time.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { median, pairedRatio } from "./statistics.ts";

/** One thing to be timed against the others of its table. */
export interface BenchCase {
  readonly name: string;
  /** One operation; told how many it has run before. A promise that it returns is awaited. */
  readonly run: (index: number) => unknown;
  /** At most so many operations in a slice: for cases that take milliseconds. @defaultValue as many as fit */
  readonly maxOperations?: number;
  /** Operations under way at a time. @defaultValue 1 */
  readonly inFlight?: number;
}

/** How long a table takes: cases × rounds × sliceMs, and a warm-up. */
export interface Effort {
  readonly rounds: number;
  readonly sliceMs: number;
}

export const FULL: Effort = { rounds: 25, sliceMs: 40 };
export const SHORT: Effort = { rounds: 7, sliceMs: 8 };

/**
 * Compiles when it must and on this thread, not when another thread gets round to it: on a busy machine a case would
 * else be timed before its compiler is done.
 */
setFlagsFromString("--no-concurrent-recompilation");

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

/** Compilers work beside the program, and slowly while the machine is busy: a case runs so long before it counts, ms. */
const WARM_UP_MS = 150;
/** What a compiler learnt from one case alone it may have to unlearn when the others come. */
const UNCOUNTED_ROUNDS = 2;

type Loop = (run: BenchCase["run"], from: number, to: number) => unknown;

/**
 * Times the cases in turns: one slice each per round, and each round begins with another one, so that none always runs
 * in the shadow of the same neighbour.
 */
export async function measure(cases: readonly BenchCase[], { rounds, sliceMs }: Effort): Promise<Timings> {
  const runners = cases.map((each, index) => new CaseRunner(each, index));
  for (const runner of runners) await runner.warmUp(sliceMs);
  for (let round = -UNCOUNTED_ROUNDS; round < rounds; round += 1)
    for (let turn = 0; turn < runners.length; turn += 1)
      await runners[(round + UNCOUNTED_ROUNDS + turn) % runners.length]?.slice(round >= 0);
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

  constructor({ name, run, maxOperations = Infinity, inFlight = 1 }: BenchCase, index: number) {
    this.name = name;
    this.#run = run;
    this.#most = maxOperations;
    this.#loop = inFlight > 1 ? sideBySide(inFlight) : generateLoop(index, run(0) instanceof Promise);
    this.#done = 1;
  }

  /** Lets the compiler finish, and finds out how many operations fill a slice. */
  async warmUp(sliceMs: number): Promise<void> {
    for (let spentMs = 0; spentMs < WARM_UP_MS && this.#perSlice < this.#most;) {
      const tookMs = await this.#timeMs(this.#perSlice);
      const growth = Math.min(2, Math.max(0.5, sliceMs / tookMs));
      this.#perSlice = Math.min(this.#most, Math.max(1, Math.round(this.#perSlice * growth)));
      spentMs += tookMs;
    }
  }

  async slice(counts: boolean): Promise<void> {
    const tookMs = await this.#timeMs(this.#perSlice);
    if (counts) this.slices.push((tookMs * 1e6) / this.#perSlice);
  }

  async #timeMs(operations: number): Promise<number> {
    // Timers, I/O and rubbish that the slice before left behind are not this one's.
    await nextTurn();
    collectGarbage({ type: "minor" });
    const from = this.#done;
    const startedAt = undisturbedMs();
    await this.#loop(this.#run, from, from + operations);
    const tookMs = undisturbedMs() - startedAt;
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

function sideBySide(inFlight: number): Loop {
  return async (run, from, to) => {
    let next = from;
    const worker = async () => {
      while (next < to) await run(next++);
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  };
}
