import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NeonClient, type Transaction } from "../../../src/clients/neon/index.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let alone: NeonClient;

beforeAll(async () => {
  database = await createDatabase();
  alone = new NeonClient({ connectionString: database.connectionString });
});
afterAll(async () => {
  await alone.close();
  await database.drop();
});

/** Loses a conflict so many times. */
function losing(times: number, sqlState: string) {
  const runs = { count: 0 };
  const fn = async (tx: Transaction) => {
    runs.count += 1;
    if (runs.count <= times) await tx.query(`do $$ begin raise exception 'lost' using errcode = '${sqlState}'; end $$`);
    return runs.count;
  };
  return { runs, fn };
}

describe("a transaction of a client that stands alone", () => {
  it.each(["40001", "40P01"])("is run again when it lost a conflict: %s", async (sqlState) => {
    expect(await alone.transaction(losing(2, sqlState).fn)).toBe(3);
  });

  it("is given up after four attempts, under retry: false after one, and when its time is over", async () => {
    const four = losing(9, "40001");
    await expect(alone.transaction(four.fn)).rejects.toMatchObject({ sqlState: "40001" });
    const one = losing(9, "40001");
    await expect(alone.transaction(one.fn, { retry: false })).rejects.toMatchObject({ sqlState: "40001" });
    expect([four.runs.count, one.runs.count]).toEqual([4, 1]);
    const stop = new AbortController();
    const aborted = alone.transaction(
      async (tx) => {
        stop.abort();
        await tx.query`select 1`;
      },
      { signal: stop.signal },
    );
    await expect(aborted).rejects.toMatchObject({ code: "ABORTED" });
  });

  it("is not run again for anything else", async () => {
    const other = losing(1, "23505");
    await expect(alone.transaction(other.fn)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(other.runs.count).toBe(1);
  });
});

describe("a conflict that a tool has wrapped in an error of its own", () => {
  const wrapped = async (tx: Transaction, fn: (tx: Transaction) => Promise<number>) => {
    try {
      return await fn(tx);
    } catch (cause) {
      throw new Error("query failed", { cause });
    }
  };

  it.each(["a client alone", "the pipeline"])("is run again by %s", async (by) => {
    const pipeline = createPipeline({ services: { neon: { maxAttempts: 3, baseDelayMs: 1 } } });
    const neon =
      by === "the pipeline" ? new NeonClient({ connectionString: database.connectionString, runner: pipeline }) : alone;
    const once = losing(1, "40001");
    expect(await neon.transaction((tx) => wrapped(tx, once.fn), { deadlineMs: 20_000 })).toBe(2);
    if (neon !== alone) await neon.close();
    await pipeline.close();
  });

  it("is the tool's error still, where it goes on failing or repeating it is in vain", async () => {
    for (const sqlState of ["40001", "23505"])
      await expect(alone.transaction((tx) => wrapped(tx, losing(9, sqlState).fn))).rejects.toMatchObject({
        message: "query failed",
        cause: { sqlState },
      });
  });
});
