import { createHash } from "node:crypto";
import { type Calls } from "./calls.ts";

const ROWS = 200;

/** What a right answer looks like is known without the database. */
const expected = Array.from({ length: ROWS }, (_, n) => createHash("md5").update(String(n)).digest("hex"));

/** A client as far as it reads, by whatever way its statements travel. */
export interface Reader {
  query<R extends object>(
    text: string,
    params: readonly unknown[],
    options: { readonly deadlineMs: number; readonly idempotent?: boolean },
  ): Promise<readonly R[]>;
}

export interface Tally {
  answered: number;
  wrong: number;
}

/**
 * One read that takes `ms` at the server, and every value of its answer checked. It says that it is one: what calls
 * functions may write, and would be refused while the database is away.
 * @returns whether it was answered
 */
export async function checkedRead(
  reader: Reader,
  calls: Calls,
  tally: Tally,
  deadlineMs: number,
  ms = 0,
): Promise<boolean> {
  const text = `select n::int, md5(n::text) as hash from pg_sleep($1), generate_series(0, ${ROWS - 1}) n`;
  const outcome = await calls.make(deadlineMs, (bound) =>
    reader.query<{ n: number; hash: string }>(text, [ms / 1_000], { deadlineMs: bound, idempotent: true }),
  );
  if (!outcome.ok) return false;
  tally.answered += 1;
  const rows = outcome.value;
  const isRight = rows.length === ROWS && rows.every(({ n, hash }, at) => n === at && hash === expected[at]);
  if (!isRight) tally.wrong += 1;
  return true;
}

/** So many clients read without pause until `stop` is called. */
export function keepReading(clients: number, read: () => Promise<boolean>): { stop(): Promise<void> } {
  let isOver = false;
  const work = async () => {
    while (!isOver) if (!(await read())) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const done = Promise.all(Array.from({ length: clients }, work));
  return {
    stop: async () => {
      isOver = true;
      await done;
    },
  };
}

/** Longer than what a client takes for silence, and short enough that one that hung leaves time for one that does not. */
const TRY_MS = 600;

/** Milliseconds until `clients` calls at once all succeed; each try is bounded. */
export async function healthyAfterMs(clients: number, reader: Reader, limitMs: number): Promise<number> {
  const began = performance.now();
  for (;;) {
    const tries = Array.from({ length: clients }, () => reader.query("select 1", [], { deadlineMs: TRY_MS }));
    const settled = await Promise.allSettled(tries);
    const ms = performance.now() - began;
    if (settled.every(({ status }) => status === "fulfilled") || ms > limitMs) return ms;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
