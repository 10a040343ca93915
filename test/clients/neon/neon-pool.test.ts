import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let neon: NeonClient;
let told: unknown[];
let lines: unknown[];
const SECRET = "canary-secret-1234";
const redact = (text: string) => text.replaceAll(SECRET, "[redacted]");

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  told = [];
  lines = [];
  const events = new EventBus();
  events.on("query.finished", ({ statement, rows, transport }) => told.push({ statement, rows, transport }));
  events.on("query.failed", ({ code, sqlState }) => told.push({ code, sqlState }));
  const debug = (fields: object, message: string) => lines.push({ ...fields, message });
  const quiet = () => undefined;
  neon = new NeonClient({
    ...{ connectionString: database.connectionString, max: 2, events, redact, sqlLogging: true },
    logger: { debug, info: quiet, warn: quiet, error: quiet },
  });
});
afterEach(() => neon.close());

describe("what other tools run through neon.pool", () => {
  it("is told as our own statements are, by all of pg's forms", async () => {
    await neon.pool.query("select 1 as a");
    await neon.pool.query({ text: "select generate_series(1, $1)", values: [3] });
    await new Promise((resolve) => neon.pool.query("select $1::int as a", [1], resolve));
    const client = await neon.pool.connect();
    await client.query({ text: "select 1, 2", rowMode: "array" });
    await new Promise((resolve) => client.query("select 1 as a", resolve));
    await client.query("select 1; select 2");
    client.release();
    const [{ statement }] = told as [{ statement: string }];
    expect(statement).toMatch(/^select [0-9a-f]{8}$/);
    expect(told).toMatchObject([1, 3, 1, 1, 1, 2].map((rows) => ({ rows, transport: "tcp" })));
    expect(told[4]).toEqual(told[0]);
    expect(lines).toHaveLength(6);
    expect(lines[1]).toMatchObject({
      message: "sql",
      text: "select generate_series(1, $1)",
      params: ["number"],
      rows: 3,
    });
  });

  it("is told where it fails, with the database's own code; the tool hears pg's own error, without secrets", async () => {
    const text = `do $$ begin raise exception 'token ${SECRET}' using errcode = '23505'; end $$`;
    const failure = await neon.pool.query(text).then(undefined, (error: unknown) => error);
    expect(failure).toMatchObject({ code: "23505", severity: "ERROR", message: "token [redacted]" });
    const client = await neon.pool.connect();
    const heard = await new Promise<Error>((resolve) => client.query(text, resolve));
    expect(heard.message).toBe("token [redacted]");
    client.release();
    expect(told).toEqual([
      { code: "CONFLICT", sqlState: "23505" },
      { code: "CONFLICT", sqlState: "23505" },
    ]);
    expect(lines).toMatchObject([{ message: "sql failed", sqlState: "23505" }, {}]);
  });

  it("runs on the same client each time a connection is lent", async () => {
    const first = await neon.pool.connect();
    first.release();
    const second = await neon.pool.connect();
    expect(second).toBe(first);
    second.release();
  });

  it("costs our own statements nothing: they are told once", async () => {
    await neon.query`select 1`;
    await neon.transaction((tx) => tx.query`select 2`);
    expect(told).toHaveLength(2);
  });
});

describe("a connection that the server ended with a word", () => {
  const kill = (pid: number) => database.admin("select pg_terminate_backend($1, 5000)", [pid]);
  /** Resolves when the driver has heard of it. */
  const heard = async (pid: number) => {
    const lost = new Promise((resolve) => neon.pool.once("error", resolve));
    await kill(pid);
    await lost;
  };
  const myPid = "select pg_backend_pid() as pid";

  it("says so in a transaction that was idle meanwhile, which may run again as a whole", async () => {
    const failing = neon.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>(myPid);
      await heard(row!.pid);
      await tx.query`select 1`;
    });
    await expect(failing).rejects.toMatchObject({
      ...{ code: "NETWORK", sqlState: "57P01", verdict: "retryable", notSent: true },
      message: expect.stringContaining("terminating connection due to administrator command"),
    });
  });

  it("does so where the transaction did nothing for too long", async () => {
    const hasty = new NeonClient({ connectionString: database.connectionString, idleInTransactionMs: 50 });
    const lost = new Promise((resolve) => hasty.pool.once("error", resolve));
    const failing = hasty.transaction(async (tx) => {
      await tx.query`select 1`;
      await lost;
      await tx.query`select 1`;
    });
    await expect(failing).rejects.toMatchObject({
      ...{ code: "NETWORK", sqlState: "25P03" },
      message: expect.stringContaining("idle-in-transaction"),
    });
    await hasty.close();
  });

  it("is no unknown outcome where COMMIT was never sent", async () => {
    const failing = neon.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>(myPid);
      await heard(row!.pid);
    });
    await expect(failing).rejects.toMatchObject({ code: "NETWORK", sqlState: "57P01", notSent: true });
  });

  it("tells a tool, too", async () => {
    const client = await neon.pool.connect();
    const { rows } = await client.query<{ pid: number }>(myPid);
    await heard(rows[0]!.pid);
    await expect(client.query("select 1")).rejects.toMatchObject({ cause: { code: "57P01", severity: "FATAL" } });
    client.release();
    expect(told.at(-1)).toEqual({ code: "NETWORK", sqlState: "57P01" });
  });
});
