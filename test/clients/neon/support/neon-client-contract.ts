import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NeonClient, type NeonClientOptions, sql } from "../../../../src/clients/neon/index.ts";
import { EventBus, type IntegrationError } from "../../../../src/core/index.ts";
import { retryingRunner } from "./retrying-runner.ts";

export interface ContractTarget {
  readonly options: NeonClientOptions;
  readonly oneShotTransport: "http" | "tcp";
  close(): Promise<void>;
}

/** What holds over every transport. */
export function describeNeonClient(name: string, start: () => Promise<ContractTarget>): void {
  describe(`NeonClient over ${name}`, () => {
    let target: ContractTarget;
    let neon: NeonClient;
    const clients: NeonClient[] = [];
    const make = (options: NeonClientOptions = {}) => {
      const client = new NeonClient({ ...target.options, ...options });
      clients.push(client);
      return client;
    };

    beforeAll(async () => {
      target = await start();
      neon = make();
      await neon.query("drop table if exists things");
      await neon.query(
        "create table things (id int primary key, name text not null, tags text[], data jsonb, at timestamptz)",
      );
    });
    beforeEach(() => neon.query`truncate things`);
    afterAll(async () => {
      await Promise.all(clients.map((client) => client.close({ timeoutMs: 2_000 })));
      await target.close();
    });

    describe("query", () => {
      it("makes parameters of a template's values", async () => {
        const name = "Robert'); drop table things;--";
        const inserted = await neon.query`insert into things (id, name) values (${1}, ${name})`;
        expect(inserted.rowCount).toBe(1);
        const rows = await neon.query<{ id: number; name: string }>`select id, name from things where name = ${name}`;
        expect(rows).toEqual([{ id: 1, name }]);
        expect(rows.rowCount).toBe(1);
        expect(rows.fields).toEqual([
          { name: "id", dataTypeID: 23 },
          { name: "name", dataTypeID: 25 },
        ]);
      });

      it("composes fragments and quotes names", async () => {
        await neon.query("insert into things (id, name) select n, 'n' || n from generate_series(1, 5) n");
        const cheap = neon.sql`id < ${4}`;
        const both = neon.sql`${cheap} and ${neon.identifier("name")} <> ${"n2"}`;
        const rows =
          await neon.query`select id from ${neon.identifier("public.things")} where ${both} order by id limit ${9}`;
        expect(rows).toEqual([{ id: 1 }, { id: 3 }]);
        expect(await neon.query(neon.sql`select ${'x"y'}::text as v`)).toEqual([{ v: 'x"y' }]);
      });

      it("carries every usual type there and back", async () => {
        const at = new Date("2026-01-02T03:04:05.678Z");
        const data = { a: [1, { b: null }] };
        const rows =
          await neon.query`insert into things values (${1}, ${"n"}, ${["a", 'b"c', "d,e"]}, ${JSON.stringify(data)}, ${at}) returning *`;
        expect(rows).toEqual([{ id: 1, name: "n", tags: ["a", 'b"c', "d,e"], data, at }]);
        expect(
          await neon.query("select $1::text as a, $2::int as b, $3::bytea as c, 2::int8 as d", [
            null,
            undefined,
            Buffer.from([0, 255]),
          ]),
        ).toEqual([{ a: null, b: null, c: Buffer.from([0, 255]), d: "2" }]);
      });

      it("refuses several statements in one text", async () => {
        await expect(neon.query("select 1; select 2")).rejects.toMatchObject({
          code: "QUERY_FAILED",
          sqlState: "42601",
        });
      });

      it("refuses more rows than MAX_QUERY_RESULTS allows and takes exactly as many", async () => {
        const capped = make({ maxRows: 3 });
        expect(await capped.query("select generate_series(1, 3)")).toHaveLength(3);
        await expect(capped.query("select generate_series(1, 4)")).rejects.toMatchObject({
          code: "INVALID_OUTPUT",
          message: expect.stringContaining("MAX_QUERY_RESULTS"),
        });
        expect(await capped.query("select generate_series(1, 4)", [], { maxRows: 4 })).toHaveLength(4);
      });

      it("maps what the server refuses, with its SQLSTATE and the constraint's name", async () => {
        await neon.query("insert into things (id, name) values (1, 'a')");
        await expect(neon.query("insert into things (id, name) values (1, 'a')")).rejects.toMatchObject({
          code: "CONFLICT",
          verdict: "fatal",
          sqlState: "23505",
          service: "neon",
          operation: "query",
          details: { constraint: "things_pkey", table: "things" },
        });
        await expect(neon.query("select nothing from things")).rejects.toMatchObject({
          code: "QUERY_FAILED",
          sqlState: "42703",
        });
      });

      it("keeps parameters out of messages", async () => {
        const secret = "correct horse battery staple";
        const error = await neon
          .query("select $1::int", [secret])
          .catch((thrown: unknown) => thrown as IntegrationError);
        expect(error).toMatchObject({ sqlState: "22P02" });
        expect((error as Error).message).not.toContain("horse");
      });

      it("stops at the caller's abort and says whose wish it was", async () => {
        const caller = new AbortController();
        const running = neon.query("select pg_sleep(1)", [], { signal: caller.signal });
        setImmediate(() => caller.abort());
        await expect(running).rejects.toMatchObject({ code: "ABORTED" });
        await expect(neon.query("select 1", [], { signal: AbortSignal.abort() })).rejects.toMatchObject({
          code: "ABORTED",
        });
      });

      it("stops at its deadline and calls a write's outcome unknown", async () => {
        await expect(neon.query("select pg_sleep(1)", [], { deadlineMs: 20 })).rejects.toMatchObject({
          code: "DEADLINE_EXCEEDED",
          verdict: "outcome-unknown",
        });
      });

      it("tells of each statement without its values", async () => {
        const events = new EventBus();
        const seen: unknown[] = [];
        events.on("query.finished", ({ durationMs, ...event }) => void seen.push({ ...event, timed: durationMs >= 0 }));
        events.on("query.failed", ({ durationMs, ...event }) => void seen.push({ ...event, timed: durationMs >= 0 }));
        const told = make({ events });
        await told.query`select ${"secret"}::text as v, 'also secret' as w`;
        await told.query("select 1", [], { name: "one" });
        await told.query`select ${"secret"} from no_such_table`.catch(() => undefined);
        await told
          .transaction((transaction) => transaction.query("insert into no_such_table values ('secret')"))
          .catch(() => undefined);
        const statement = (word: string) => expect.stringMatching(new RegExp(`^${word} [0-9a-f]{8}$`)) as string;
        const call = { callId: expect.stringMatching(/./) as string, timed: true };
        const failed = { ...call, code: "QUERY_FAILED", sqlState: "42P01" };
        expect(seen).toEqual([
          { ...call, transport: target.oneShotTransport, statement: statement("select"), rows: 1 },
          { ...call, transport: target.oneShotTransport, statement: "one", rows: 1 },
          { ...failed, transport: target.oneShotTransport, statement: statement("select") },
          {
            ...failed,
            transport: target.oneShotTransport === "tcp" ? "tcp" : "websocket",
            statement: statement("insert"),
          },
        ]);
      });
    });

    describe("transaction", () => {
      const count = async () => (await neon.query<{ n: number }>`select count(*)::int as n from things`)[0]!.n;

      it("commits what its function did and returns what it returned", async () => {
        const result = await neon.transaction(async (tx) => {
          await tx.query`insert into things (id, name) values (${1}, ${"a"})`;
          const rows = await tx.query<{ id: number }>("select id from things where id = $1", [1]);
          return rows[0]!.id;
        });
        expect(result).toBe(1);
        expect(await count()).toBe(1);
      });

      it("rolls back when its function throws, with that very error", async () => {
        const mine = new TypeError("not today");
        const failing = neon.transaction(async (tx) => {
          await tx.query`insert into things (id, name) values (1, 'a')`;
          throw mine;
        });
        await expect(failing).rejects.toBe(mine);
        expect(await count()).toBe(0);
      });

      it("undoes only the inner part when a nested transaction fails", async () => {
        await neon.transaction(async (tx) => {
          await tx.query`insert into things (id, name) values (1, 'a')`;
          await tx
            .transaction(async (inner) => {
              await inner.query`insert into things (id, name) values (2, 'b')`;
              await inner.query`insert into things (id, name) values (2, 'b')`;
            })
            .catch(() => undefined);
          await tx.transaction((inner) => inner.query`insert into things (id, name) values (3, 'c')`);
        });
        expect(await neon.query`select id from things order by id`).toEqual([{ id: 1 }, { id: 3 }]);
      });

      it("does not report as committed what the database rolled back", async () => {
        const swallowing = neon.transaction(async (tx) => {
          await tx.query`insert into things (id, name) values (1, 'a')`;
          await tx.query`select nothing`.catch(() => undefined);
        });
        await expect(swallowing).rejects.toMatchObject({
          code: "QUERY_FAILED",
          message: expect.stringContaining("rolled back"),
        });
        expect(await count()).toBe(0);
      });

      it("runs statements that were not awaited before it commits, in order", async () => {
        await neon.transaction(async (tx) => {
          void tx.query`insert into things (id, name) values (1, 'a')`;
          void tx.query`update things set name = 'b'`;
        });
        expect(await neon.query`select name from things`).toEqual([{ name: "b" }]);
      });

      it("refuses statements after its end", async () => {
        const escaped = await neon.transaction(async (tx) => tx);
        await expect(escaped.query`select 1`).rejects.toMatchObject({ code: "INVALID_INPUT" });
      });

      it("sets the wanted isolation level and access, for itself only", async () => {
        const settings = sql`select current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as ro`;
        const inside = await neon.transaction((tx) => tx.query(settings), {
          isolationLevel: "serializable",
          readOnly: true,
        });
        expect(inside).toEqual([{ level: "serializable", ro: "on" }]);
        expect(await neon.transaction((tx) => tx.query(settings))).toEqual([{ level: "read committed", ro: "off" }]);
        await expect(
          neon.transaction((tx) => tx.query`insert into things (id, name) values (1, 'a')`, { readOnly: true }),
        ).rejects.toMatchObject({
          code: "READ_ONLY",
        });
        await expect(
          neon.transaction((tx) => tx.query(settings), { isolationLevel: "chaos" as never }),
        ).rejects.toMatchObject({ code: "INVALID_INPUT" });
      });

      it("is run again as a whole after a serialization failure, through the runner", async () => {
        const runner = retryingRunner();
        const retrying = make({ runner });
        let runs = 0;
        await retrying.transaction(async (tx) => {
          runs += 1;
          await tx.query("insert into things (id, name) values ($1, 'a')", [runs]);
          if (runs < 3) await tx.query("do $$ begin raise exception 'conflict' using errcode = '40001'; end $$");
        });
        expect(await neon.query`select id from things`).toEqual([{ id: 3 }]);
        expect(runner.attempts).toBe(3);
      });

      it("is not run again with retry: false, nor for the function's own error", async () => {
        const retrying = make({ runner: retryingRunner() });
        let runs = 0;
        const failing = retrying.transaction(
          async (tx) => {
            runs += 1;
            await tx.query("do $$ begin raise exception 'conflict' using errcode = '40P01'; end $$");
          },
          { retry: false },
        );
        await expect(failing).rejects.toMatchObject({ sqlState: "40P01" });
        await expect(retrying.transaction(async () => Promise.reject(new Error(`own ${(runs += 1)}`)))).rejects.toThrow(
          "own 2",
        );
        expect(runs).toBe(2);
      });

      it("ends with its deadline even if its function never does, and leaves nothing behind", async () => {
        const stuck = neon.transaction(
          async (tx) => {
            await tx.query`insert into things (id, name) values (1, 'a')`;
            await new Promise(() => undefined);
          },
          { deadlineMs: 300 },
        );
        await expect(stuck).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
        expect(await count()).toBe(0);
      });

      it("gives many transactions their turn on few connections", async () => {
        await neon.query`insert into things (id, name) values (1, '0')`;
        const small = make({ max: 2 });
        await Promise.all(
          Array.from({ length: 20 }, () =>
            small.transaction(async (tx) => {
              const [row] = await tx.query<{ name: string }>`select name from things where id = 1 for update`;
              await tx.query`update things set name = ${String(Number(row!.name) + 1)} where id = 1`;
            }),
          ),
        );
        expect(await neon.query`select name from things`).toEqual([{ name: "20" }]);
      });
    });

    describe("batch", () => {
      it("runs all or nothing and returns each statement's rows", async () => {
        const results = await neon.batch([
          sql`insert into things (id, name) values (${1}, ${"a"})`,
          { text: "select id from things where name = $1", params: ["a"] },
        ]);
        expect(results).toEqual([[], [{ id: 1 }]]);
        expect(results[0]!.rowCount).toBe(1);
        const failing = neon.batch([
          sql`insert into things (id, name) values (2, 'b')`,
          sql`insert into things (id, name) values (1, 'a')`,
        ]);
        await expect(failing).rejects.toMatchObject({ code: "CONFLICT", sqlState: "23505" });
        expect(await neon.query`select id from things`).toEqual([{ id: 1 }]);
        expect(await neon.batch([])).toEqual([]);
      });

      it("honours isolation level and access", async () => {
        const settings = sql`select current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as ro`;
        expect(await neon.batch([settings], { isolationLevel: "repeatable read", readOnly: true })).toEqual([
          [{ level: "repeatable read", ro: "on" }],
        ]);
      });
    });

    it("is healthy by its own traffic", async () => {
      await neon.query`select 1`;
      expect(await neon.health()).toMatchObject({ status: "up", source: "traffic", mode: "read-write" });
    });
  });
}
