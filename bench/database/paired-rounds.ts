import { collectGarbage } from "../support/collect-garbage.ts";
import { median, pairedRatio } from "../support/statistics.ts";
import { textTable } from "../support/text-table.ts";

/** One way to ask the database the same thing. */
export interface QueryCase {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

export interface RoundOptions {
  readonly inFlight: number;
  readonly rounds: number;
  /** How long one case runs in one round, ms. */
  readonly sliceMs: number;
}

interface Slice {
  /** This process's processor time per operation, all its threads, µs. */
  readonly cpuUs: number;
  /** What one caller waits for one answer, ms. */
  readonly latencyMs: number;
}

/** Rounds in which the compiler learns, and connections are made. */
const UNCOUNTED_ROUNDS = 4;

/** The slices of all cases, and how they compare within the same rounds. */
export class PairedRounds {
  readonly #slices: ReadonlyMap<string, readonly Slice[]>;

  /** The cases take turns, and each round begins with another one. */
  static async run(cases: readonly QueryCase[], { inFlight, rounds, sliceMs }: RoundOptions): Promise<PairedRounds> {
    const slices = new Map<string, Slice[]>(cases.map(({ name }) => [name, []]));
    const perSlice = new Map<string, number>();
    for (let round = -UNCOUNTED_ROUNDS; round < rounds; round += 1) {
      for (let turn = 0; turn < cases.length; turn += 1) {
        const each = cases[(round + UNCOUNTED_ROUNDS + turn) % cases.length]!;
        const operations = perSlice.get(each.name) ?? 20 * inFlight;
        const { slice, tookMs } = await timed(each, operations, inFlight);
        if (round >= 0) slices.get(each.name)!.push(slice);
        else perSlice.set(each.name, Math.max(inFlight, Math.round((operations * sliceMs) / tookMs)));
      }
    }
    return new PairedRounds(slices);
  }

  private constructor(slices: ReadonlyMap<string, readonly Slice[]>) {
    this.#slices = slices;
  }

  cpuRatio(name: string, base: string): number {
    return pairedRatio(this.#all(name, "cpuUs"), this.#all(base, "cpuUs"));
  }

  latencyRatio(name: string, base: string): number {
    return pairedRatio(this.#all(name, "latencyMs"), this.#all(base, "latencyMs"));
  }

  print(base: string): void {
    const rows = [...this.#slices.keys()].map((name) => [
      name,
      median(this.#all(name, "cpuUs")).toFixed(1),
      `${this.cpuRatio(name, base).toFixed(2)} ×`,
      median(this.#all(name, "latencyMs")).toFixed(3),
      `${this.latencyRatio(name, base).toFixed(2)} ×`,
    ]);
    console.log(textTable(["", "CPU µs", `against ${base}`, "latency ms", `against ${base}`], rows));
  }

  #all(name: string, what: keyof Slice): number[] {
    const slices = this.#slices.get(name);
    if (!slices) throw new Error(`no case is named ${name}`);
    return slices.map((slice) => slice[what]);
  }
}

async function timed(
  { run }: QueryCase,
  operations: number,
  inFlight: number,
): Promise<{ slice: Slice; tookMs: number }> {
  collectGarbage({ type: "minor" });
  let left = operations;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      await run();
    }
  };
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, caller));
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { slice: { cpuUs: (user + system) / operations, latencyMs: (tookMs * inFlight) / operations }, tookMs };
}
