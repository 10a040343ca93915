import { once } from "node:events";
import { connect, type Socket } from "node:net";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn } from "../../../src/local/neon/index.ts";
import { cstring, FrameReader, frame, int32 } from "../../../src/local/neon/wire/index.ts";
import { bind, describePortal, execute, parse, query, sync } from "../../../src/local/neon/wire/client-messages.ts";
import { rejection, start, until } from "./support.ts";

let db: NeonStandIn;
let faults: FaultPlan;

beforeAll(async () => {
  ({ db, faults } = await start());
});
afterEach(async () => {
  faults.clear();
  await until(() => db.stats().sessions === 0);
});
afterAll(() => db.close());

async function client(config: pg.ClientConfig = {}): Promise<pg.Client> {
  const one = new pg.Client({ connectionString: db.tcpConnectionString, ...config });
  one.on("error", () => undefined);
  await one.connect();
  return one;
}

/** A client that speaks the protocol by hand, for what the drivers never send. */
class RawClient {
  readonly socket: Socket;
  readonly #reader = new FrameReader();
  readonly kinds: string[] = [];
  readonly bodies: string[] = [];
  isClosed = false;

  constructor() {
    this.socket = connect(Number(new URL(db.url).port), "127.0.0.1");
    this.socket.on("error", () => undefined).on("close", () => (this.isClosed = true));
    this.socket.on("data", (chunk: Buffer) => {
      this.#reader.feed(chunk);
      for (let next = this.#reader.next(); next; next = this.#reader.next()) {
        this.kinds.push(next.kind);
        this.bodies.push(next.body.toString());
      }
    });
  }

  static async loggedIn(): Promise<RawClient> {
    const raw = new RawClient();
    const { username, password } = new URL(db.connectionString);
    raw.send(RawClient.startup(username), frame("p", cstring(password)));
    await until(() => raw.kinds.includes("Z"));
    raw.clear();
    return raw;
  }

  static startup(user: string, code = 196_608): Buffer {
    return frame("", int32(code), ...["user", user, "database", "neondb", ""].map(cstring));
  }

  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  clear(): void {
    this.kinds.length = 0;
    this.bodies.length = 0;
  }

  /** Sends, waits for what is wanted, and returns the kinds of all messages that came. */
  async ask(wanted: string, ...parts: Buffer[]): Promise<string> {
    this.clear();
    this.send(...parts);
    await until(() => this.kinds.join("").endsWith(wanted));
    return this.kinds.join("");
  }

  async end(): Promise<void> {
    this.socket.end(frame("X"));
    await until(() => this.isClosed);
  }
}

describe("pg over TCP", () => {
  it("connects, pools and ends as with any server", async () => {
    const pool = new pg.Pool({ connectionString: db.tcpConnectionString, max: 4 });
    const rows = await Promise.all(Array.from({ length: 40 }, (_, n) => pool.query("select $1::int as n", [n])));
    expect(rows.map((each) => each.rows[0].n)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    await pool.end();
  });

  it("tells what the server is, under a process id of the connection's own", async () => {
    const [one, two] = await Promise.all([client(), client()]);
    const told: Record<string, string> = {};
    (one as unknown as { connection: pg.Connection }).connection.on("parameterStatus", () => undefined);
    const raw = new RawClient();
    raw.send(RawClient.startup("neon"), frame("p", cstring(new URL(db.connectionString).password)));
    await until(() => raw.kinds.includes("Z"));
    for (const [at, kind] of raw.kinds.entries())
      if (kind === "S") told[raw.bodies[at]!.split("\0")[0]!] = raw.bodies[at]!.split("\0")[1]!;
    expect(told).toMatchObject({
      client_encoding: "UTF8",
      TimeZone: "UTC",
      is_superuser: "off",
      session_authorization: "neon",
    });
    expect(told["server_version"]).toMatch(/^18\./);
    expect((one as unknown as { processID: number }).processID).not.toBe(
      (two as unknown as { processID: number }).processID,
    );
    await Promise.all([one.end(), two.end(), raw.end()]);
  });

  it("takes rows by COPY, and ends well when it cannot", async () => {
    const raw = await RawClient.loggedIn();
    await raw.ask("Z", query("create table copied (n int, t text)"));
    const copy = query("copy copied from stdin");
    expect(await raw.ask("G", copy)).toBe("G");
    expect(
      await raw.ask("Z", frame("d", Buffer.from("1\tone\n2\t")), frame("d", Buffer.from("two\n")), frame("c")),
    ).toBe("CZ");
    expect(await raw.ask("Z", copy, frame("d", Buffer.from("3\tx\n")), frame("f", cstring("changed my mind")))).toBe(
      "GEZ",
    );
    expect(await raw.ask("Z", query("begin; copy copied from stdin; commit"))).toBe("CGEZ");
    expect(raw.bodies.join()).toContain("only after a simple query");
    await raw.ask("Z", query("rollback"));
    expect(await raw.ask("Z", parse("", "copy copied from stdin"), bind([]), execute(), sync())).toBe("12GEZ");
    await raw.ask("Z", query("select count(*) from copied"));
    expect(raw.bodies[raw.kinds.indexOf("D")]).toContain("2");
    await raw.end();
  });

  it("keeps an unnamed statement for a client that binds it later, whoever was there between", async () => {
    const [one, two] = await Promise.all([RawClient.loggedIn(), RawClient.loggedIn()]);
    expect(await one.ask("Z", parse("", "select 'mine'"), sync())).toBe("1Z");
    await two.ask("Z", parse("", "select 'theirs'"), bind([]), execute(), sync());
    expect(await one.ask("Z", bind([]), execute(), sync())).toBe("2DCZ");
    expect(one.bodies.join()).toContain("mine");
    await Promise.all([one.end(), two.end()]);
  });

  it("answers a Flush, and keeps the backend for its client until the Sync", async () => {
    const [one, two] = await Promise.all([RawClient.loggedIn(), RawClient.loggedIn()]);
    expect(await one.ask("T", parse("", "select 7"), bind([]), describePortal(), frame("H"))).toBe("12T");
    two.clear();
    two.send(query("select 8"));
    await until(() => db.stats().waiting === 1);
    expect(await one.ask("Z", execute(), sync())).toBe("DCZ");
    await until(() => two.kinds.join("") === "TDCZ");
    await Promise.all([one.end(), two.end()]);
  });

  it("rolls back for a client that leaves between Flush and Sync", async () => {
    const [one, other] = await Promise.all([RawClient.loggedIn(), client()]);
    await other.query("create table flushed (n int)");
    await one.ask("C", parse("", "insert into flushed values (1)"), bind([]), execute(), frame("H"));
    one.socket.destroy();
    expect((await other.query("select count(*)::int as n from flushed")).rows).toEqual([{ n: 0 }]);
    await other.end();
  });

  it("refuses encryption, takes a newer minor version down to 3.0, and ends on what is no message of the protocol", async () => {
    const raw = new RawClient();
    raw.send(frame("", int32(80877103)));
    raw.socket.removeAllListeners("data");
    expect((await once(raw.socket, "data")).toString()).toBe("N");
    await raw.end();

    const newer = new RawClient();
    newer.send(RawClient.startup("neon", 196_610));
    await until(() => newer.kinds.join("") === "vR");
    await newer.end();

    const odd = await RawClient.loggedIn();
    odd.send(frame("!", Buffer.alloc(3)));
    await until(() => odd.isClosed);
    expect(odd.bodies.join()).toContain("08P01");
    const broken = await RawClient.loggedIn();
    broken.send(Buffer.from("Q\0\0\0\x01"));
    await until(() => broken.isClosed);
    expect(broken.bodies.join()).toContain("08P01");
  });

  it("cancels a statement that waits, and leaves one alone whose key is wrong", async () => {
    const [holder, waiting] = await Promise.all([client(), client()]);
    const { processID, secretKey } = waiting as unknown as { processID: number; secretKey: number };
    const cancel = async (secret: number) => {
      const raw = new RawClient();
      raw.send(frame("", int32(80877102), int32(processID), int32(secret)));
      await until(() => raw.isClosed);
    };
    await holder.query("begin");
    const answer = waiting.query("select 1");
    const cancelled = rejection(answer);
    await until(() => db.stats().waiting === 1);
    await cancel(secretKey + 1);
    expect(db.stats().waiting).toBe(1);
    await cancel(secretKey);
    expect(await cancelled).toMatchObject({ code: "57014" });
    await holder.query("rollback");
    expect((await waiting.query("select 2 as n")).rows).toEqual([{ n: 2 }]);
    await Promise.all([holder.end(), waiting.end()]);
  });

  it("takes turns: a client with many statements does not keep another waiting for all of them", async () => {
    const [busy, other] = await Promise.all([RawClient.loggedIn(), client()]);
    busy.send(...Array.from({ length: 50 }, () => query("select 1")));
    await until(() => busy.kinds.includes("Z"));
    await other.query("select 1");
    const done = () => busy.kinds.filter((kind) => kind === "Z").length;
    expect(done()).toBeLessThan(50);
    await until(() => done() === 50);
    await Promise.all([busy.end(), other.end()]);
  });

  it("drops a client's temporary tables and settings when it goes", async () => {
    const [one, two] = await Promise.all([client(), client()]);
    await one.query("create temp table scratch (n int)");
    await one.query("set search_path = nowhere");
    await one.end();
    await until(() => db.stats().sessions === 1);
    expect(await rejection(two.query("select * from scratch"))).toMatchObject({ code: "42P01" });
    expect((await two.query("show search_path")).rows).toEqual([{ search_path: '"$user", public' }]);
    await two.end();
  });

  it("takes with a client what else it left in the one backend, and leaves what is another's", async () => {
    const [one, two] = await Promise.all([client(), client()]);
    for (const [each, name, key] of [
      [one, "ones", 1],
      [two, "twos", 2],
    ] as const) {
      await each.query(`prepare ${name} as select 1`);
      await each.query(`select pg_advisory_lock(${key}), pg_advisory_lock_shared(${key}, -${key})`);
      await each.query(`begin; declare ${name} cursor with hold for select 1; commit`);
      await each.query(`create temp table ${name} (n serial); create temp view ${name}_seen as select n from ${name}`);
    }
    await one.query("set role anon");
    await one.end();
    await until(() => db.stats().sessions === 1);
    const left = await two.query(`select
      (select array_agg(name::text) from pg_prepared_statements where from_sql) as prepared,
      (select array_agg(name::text) from pg_cursors where is_holdable) as cursors,
      (select array_agg(relname::text order by 1) from pg_class where relnamespace = pg_my_temp_schema() and relkind in ('r', 'v')) as temp,
      (select array_agg(distinct classid::int8 + objid::int8) from pg_locks where locktype = 'advisory' and objsubid = 1) as locks,
      (select count(*)::int from pg_locks where locktype = 'advisory') as count`);
    expect(left.rows).toEqual([
      { prepared: ["twos"], cursors: ["twos"], temp: ["twos", "twos_seen"], locks: ["2"], count: 2 },
    ]);
    await two.end();
    await until(() => db.stats().sessions === 0);
    const fresh = await client();
    expect((await fresh.query("select count(*)::int as n from pg_locks where locktype = 'advisory'")).rows).toEqual([
      { n: 0 },
    ]);
    await fresh.end();
  });

  it("refuses a setting that PostgreSQL does not know, and ends that connection alone", async () => {
    const wrong = await client({ options: "-c nonsense_setting=1" });
    expect(await rejection(wrong.query("select 1"))).toMatchObject({ code: "42704" });
    const right = await client({ options: "-c statement_timeout=77 --work-mem=8MB" });
    const { rows } = await right.query("select current_setting('statement_timeout') t, current_setting('work_mem') w");
    expect(rows).toEqual([{ t: "77ms", w: "8MB" }]);
    await right.end();
  });

  it("suffers faults under its own key", async () => {
    const one = await client();
    faults.inject("neon", { kind: "reset" }, { match: /^TCP query select 1/ });
    expect((await rejection(one.query("select 1"))).message).toContain("terminated");
  });
});
