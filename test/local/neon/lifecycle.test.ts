import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { neon, neonConfig, Pool } from "@neondatabase/serverless";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn, type startNeonStandIn } from "../../../src/local/neon/index.ts";
import { rejection, start, until } from "./support.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "neon-lifecycle-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const query = (db: NeonStandIn, text: string) => neon(db.connectionString).query(text);

describe("the data folder", () => {
  it("holds what was committed for the next start, and nobody else may open it meanwhile", async () => {
    const dataDir = join(folder, "kept");
    const { db: first } = await start({ dataDir });
    await query(first, "create table kept as select 42 as n");
    const second = await rejection(start({ dataDir }));
    expect(second).toMatchObject({ code: "CONFLICT" });
    expect(second.message).toContain(dataDir);
    await first.close();
    await writeFile(join(dataDir, "stand-in.lock"), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 0 })); // no such process
    const { db: again } = await start({ dataDir, password: "chosen-by-the-host" });
    expect(again.stats().startedFrom).toBe("data-dir");
    expect(again.connectionString).toContain("chosen-by-the-host");
    expect(await query(again, "select n from kept")).toEqual([{ n: 42 }]);
    await again.close();
    expect(await readdir(dataDir)).toEqual(["pgdata"]);
  });

  it("opens again after its process was killed in the middle of writing, with all that was committed", async () => {
    const dataDir = join(folder, "killed");
    const program = fileURLToPath(new URL("./killed-writer.ts", import.meta.url));
    const child = spawn(process.execPath, [program, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
    let committed = 0;
    for await (const line of createInterface({ input: child.stdout })) if ((committed = Number(line)) >= 50) break;
    expect(committed).toBe(50);
    child.kill("SIGKILL");
    await once(child, "exit");
    const { db } = await start({ dataDir });
    const [row] = (await query(db, "select count(*)::int as n, max(n) as last from written")) as [
      { n: number; last: number },
    ];
    expect(row.n).toBeGreaterThanOrEqual(committed);
    expect(row.last).toBe(row.n);
    await db.close();
  });
});

describe("the cached dump", () => {
  it("is made at the first start, used by the next, and made anew when it is damaged", async () => {
    const cacheDir = join(folder, "cache");
    const run = async () => {
      const { db } = await start({ cacheDir });
      expect(await query(db, "select 1 as n")).toEqual([{ n: 1 }]);
      const { startedFrom } = db.stats();
      await db.close();
      return startedFrom;
    };
    expect(await run()).toBe("initdb");
    const [name] = await readdir(cacheDir);
    const dump = await readFile(join(cacheDir, name!));
    expect(await run()).toBe("cached-dump");
    await writeFile(join(cacheDir, name!), dump.subarray(0, dump.length / 2));
    expect(await run()).toBe("initdb");
    expect(await readdir(cacheDir)).toEqual([name]);
    expect(await run()).toBe("cached-dump");
  }, 300_000);
});

describe("a stand-in's life", () => {
  it("is its own: two in one process share nothing", async () => {
    const [{ db: one }, { db: two }] = await Promise.all([start(), start()]);
    await query(one, "create table only_in_one (n int)");
    expect(await rejection(query(two, "select * from only_in_one"))).toMatchObject({ code: "42P01" });
    const stranger = one.connectionString.replace(new URL(one.url).port, new URL(two.url).port);
    expect((await rejection(neon(stranger)`select 1`)).message).toContain("password authentication failed");
    expect(one.env).toEqual({ NEON_CONNECTION_STRING: one.connectionString, NEON_TRANSPORT: "websocket" });
    await Promise.all([one.close(), two.close()]);
  });

  it("ends on close though a statement runs away, and tells the clients", async () => {
    const { db } = await start({ closeTimeoutMs: 50 });
    const [runaway, idle] = [new pg.Client(db.connectionString), new pg.Client(db.connectionString)];
    const told: unknown[] = [];
    idle.on("error", (error: Error & { code?: string }) => told.push(error.code));
    runaway.on("error", () => undefined);
    await Promise.all([runaway.connect(), idle.connect()]);
    const before = db.stats().requests;
    const lost = rejection(runaway.query("select count(*) from generate_series(1, 1e12::bigint)"));
    await until(() => db.stats().requests > before);
    await Promise.all([db.close(), db.close()]);
    await lost;
    await until(() => told.length > 0);
    expect(told[0]).toBe("57P01");
    await rejection(fetch(`${db.url}/sql`));
  });

  it("lets a pool go in peace whose goodbye is still under way", async () => {
    const { db } = await start();
    neonConfig.coalesceWrites = true; // the driver's default: the goodbye leaves a timer's turn after `end` resolved
    const pool = new Pool({ connectionString: db.connectionString });
    const errors: unknown[] = [];
    pool.on("error", (error: Error) => errors.push(error));
    await pool.query("select 1");
    await pool.end();
    await db.close();
    expect(errors).toEqual([]);
  });

  it("names the packages to install when they are missing", async () => {
    const bare = join(folder, "bare");
    for (const room of ["core", "local"])
      await cp(fileURLToPath(new URL(`../../../src/${room}`, import.meta.url)), join(bare, "src", room), {
        recursive: true,
      });
    await mkdir(join(bare, "node_modules"));
    // What the package brings itself, as a dependency or bundled.
    for (const own of ["ws", "nanotar"])
      await symlink(
        fileURLToPath(new URL(`../../../node_modules/${own}`, import.meta.url)),
        join(bare, "node_modules", own),
      );
    await writeFile(join(bare, "package.json"), '{"type":"module"}');
    const { startNeonStandIn: bareStart } = (await import(join(bare, "src/local/neon/index.ts"))) as {
      startNeonStandIn: typeof startNeonStandIn;
    };
    const error = await rejection(bareStart({ faults: new FaultPlan() }));
    expect(error).toMatchObject({ code: "FEATURE_DISABLED" });
    expect(error.message).toContain(
      "npm install --save-dev @electric-sql/pglite@0.5.14 @electric-sql/pglite-pgvector@0.0.15",
    );
  });

  it("refuses bad options, all at once", async () => {
    const error = await rejection(start({ port: -1, closeTimeoutMs: 0, dataDir: "" }));
    expect(error).toMatchObject({ code: "INVALID_INPUT" });
    for (const name of ["port", "closeTimeoutMs", "dataDir"]) expect(error.message).toContain(name);
  });

  it("says which port is taken, and leaves the data folder free", async () => {
    const other = createServer();
    await once(other.listen(0, "127.0.0.1"), "listening");
    const { port } = other.address() as AddressInfo;
    const dataDir = join(folder, "free");
    expect((await rejection(start({ port, dataDir }))).message).toContain(`${port} is taken`);
    expect(await readdir(dataDir)).toEqual(["pgdata"]);
    other.close();
  });
});
