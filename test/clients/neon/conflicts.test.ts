import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NeonClient, type Transaction, type TransactionOptions } from "../../../src/clients/neon/index.ts";
import { createPipeline, type Pipeline, type RetryBudgetOptions } from "../../../src/resilience/index.ts";
import { postgresOverNeon, postgresOverTcp, type Target } from "./support/targets.ts";

/** Opens for everybody once so many have come, and stays open. */
function gate(count: number): () => Promise<void> {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let come = 0;
  return () => {
    if ((come += 1) >= count) open();
    return opened;
  };
}

/** Two transactions of which the server can let but one commit. */
interface Conflict {
  readonly sqlState: string;
  readonly options: TransactionOptions;
  readonly first: (tx: Transaction, bothAreThere: () => Promise<void>) => Promise<unknown>;
  readonly second: (tx: Transaction, bothAreThere: () => Promise<void>) => Promise<unknown>;
  /** What stands when both were done one after the other, in either order. */
  readonly outcomes: readonly (readonly number[])[];
}

/** Each sets its own row to what it counts: side by side both count 0, one after the other the second counts more. */
const countAndAdd = (mine: number) => async (tx: Transaction, bothAreThere: () => Promise<void>) => {
  const [sum] = await tx.query<{ n: number }>`select sum(amount)::int as n from accounts`;
  await bothAreThere();
  await tx.query`update accounts set amount = ${sum!.n + 1} where id = ${mine}`;
};

/** Each holds one row and wants the other's. */
const lockBoth = (from: number, to: number) => async (tx: Transaction, bothAreThere: () => Promise<void>) => {
  await tx.query`update accounts set amount = amount + 1 where id = ${from}`;
  await bothAreThere();
  await tx.query`update accounts set amount = amount + 10 where id = ${to}`;
};

const conflicts: readonly (readonly [string, Conflict])[] = [
  [
    "a write skew under serializable",
    {
      sqlState: "40001",
      options: { isolationLevel: "serializable" },
      first: countAndAdd(1),
      second: countAndAdd(2),
      outcomes: [
        [1, 2],
        [2, 1],
      ],
    },
  ],
  [
    "an update of what changed meanwhile under repeatable read",
    {
      sqlState: "40001",
      options: { isolationLevel: "repeatable read" },
      first: countAndAdd(1),
      second: countAndAdd(1),
      outcomes: [[2, 0]],
    },
  ],
  [
    "a deadlock",
    { sqlState: "40P01", options: {}, first: lockBoth(1, 2), second: lockBoth(2, 1), outcomes: [[11, 11]] },
  ],
];

describe.each([
  ["TCP", postgresOverTcp],
  ["WebSockets", postgresOverNeon],
] as const)("transactions that conflict on a real server, over %s", (_, start) => {
  let target: Target;
  let plain: NeonClient;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    target = await start();
    plain = new NeonClient(target.options);
    await plain.query("create table accounts (id int primary key, amount int not null)");
    // PostgreSQL looks for a deadlock after a second of waiting.
    await plain.query(
      "do $$ begin execute format('alter database %I set deadlock_timeout = 20', current_database()); end $$",
    );
  });
  beforeEach(() => plain.query("insert into accounts values (1, 0), (2, 0) on conflict (id) do update set amount = 0"));
  afterAll(async () => {
    for (const close of closing) await close();
    await plain.close();
    await target.close();
  });

  const make = (budget: RetryBudgetOptions): { neon: NeonClient; pipeline: Pipeline } => {
    const pipeline = createPipeline({ services: { neon: { baseDelayMs: 1, maxDelayMs: 5, maxAttempts: 10, budget } } });
    const neon = new NeonClient({ ...target.options, runner: pipeline });
    closing.push(
      () => neon.close(),
      () => pipeline.close(),
    );
    return { neon, pipeline };
  };
  const both = async (neon: NeonClient, conflict: Conflict, options: TransactionOptions = {}) => {
    const bothAreThere = gate(2);
    let runs = 0;
    const run = (fn: Conflict["first"]) =>
      neon.transaction((tx) => ((runs += 1), fn(tx, bothAreThere)), { ...conflict.options, ...options });
    const settled = await Promise.allSettled([run(conflict.first), run(conflict.second)]);
    const failures = settled.filter((each) => each.status === "rejected").map(({ reason }) => reason as unknown);
    const rows = await plain.query<{ amount: number }>`select amount from accounts order by id`;
    return { failures, runs, amounts: rows.map(({ amount }) => amount) };
  };

  describe.each(conflicts)("%s", (_name, conflict) => {
    it("ends with both done, as if one had come after the other: the loser is run again as a whole", async () => {
      const { neon, pipeline } = make({ capacity: 5, perSuccess: 0 });
      const { failures, runs, amounts } = await both(neon, conflict);
      expect(failures).toEqual([]);
      expect(runs).toBeGreaterThanOrEqual(3); // it may lose again while the winner commits
      expect(conflict.outcomes).toContainEqual(amounts);
      expect(pipeline.budget("neon")?.available).toBe(5 - (runs - 2));
    });

    it("fails for one of them with its SQLSTATE under retry: false, and leaves nothing of it", async () => {
      const { neon, pipeline } = make({ capacity: 5 });
      const { failures, runs, amounts } = await both(neon, conflict, { retry: false });
      expect(failures).toEqual([
        expect.objectContaining({ code: "QUERY_FAILED", sqlState: conflict.sqlState, verdict: "retryable" }),
      ]);
      expect(runs).toBe(2);
      expect(conflict.outcomes).not.toContainEqual(amounts);
      expect(pipeline.budget("neon")?.available).toBe(5);
    });

    it("fails with BUDGET_EXHAUSTED when the service's retries are spent", async () => {
      const { neon } = make({ capacity: 0, perSuccess: 0 });
      const { failures, runs } = await both(neon, conflict);
      expect(failures).toEqual([
        expect.objectContaining({
          code: "BUDGET_EXHAUSTED",
          sqlState: conflict.sqlState,
          cause: expect.objectContaining({ code: "QUERY_FAILED", sqlState: conflict.sqlState }),
        }),
      ]);
      expect(runs).toBe(2);
    });
  });

  it("many transfers at once lose nothing and make nothing", async () => {
    const { neon } = make({ capacity: 1_000 });
    const transfer = (from: number, to: number) =>
      neon.transaction(
        async (tx) => {
          const [row] = await tx.query<{ amount: number }>`select amount from accounts where id = ${from}`;
          await tx.query`update accounts set amount = ${row!.amount - 1} where id = ${from}`;
          await tx.query`update accounts set amount = amount + 1 where id = ${to}`;
        },
        { isolationLevel: "serializable", deadlineMs: 20_000 },
      );
    const settled = await Promise.allSettled(
      Array.from({ length: 12 }, (_each, n) => (n % 2 ? transfer(1, 2) : transfer(2, 1))),
    );
    const done = settled.map(({ status }, n) => (status === "fulfilled" ? (n % 2 ? -1 : 1) : 0));
    const first = done.reduce<number>((sum, change) => sum + change, 0);
    const rows = await plain.query<{ amount: number }>`select amount from accounts order by id`;
    expect(rows).toEqual([{ amount: first }, { amount: 0 - first }]);
    expect(done.filter((change) => change !== 0).length).toBeGreaterThan(0);
  });
});
