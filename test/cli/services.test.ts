import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIntegration, type StatusSnapshot } from "../../src/index.ts";
import { type LocalStack, startLocalStack } from "../../src/local/index.ts";
import { type ProgramOptions, run, start } from "../support/program.ts";

let folder: string;
let stack: LocalStack;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "enhanced-integration-cli-"));
  stack = await startLocalStack({ houses: [] });
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

const cli = (args: readonly string[], options: ProgramOptions = {}) =>
  run("src/cli.ts", args, { cwd: folder, env: stack.env, ...options });

describe("doctor, before any migration", () => {
  it("says how many the database lacks, and what applies them", async () => {
    const { code, stdout } = await cli(["doctor"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Schema\n {2}! \d+ migrations are missing: "enhanced-integration migrate" applies them$/m);
  });
});

describe("migrate", () => {
  it("says what it would apply, applies it, and finds nothing to do the second time", async () => {
    const files = ["0001_extensions", "0002_listings", "0003_identity", "0004_user_tables"];
    const dry = await cli(["migrate", "--dry-run"]);
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    for (const file of files) expect(dry.stdout).toMatch(new RegExp(`^would apply ${file}`, "m"));
    expect(dry.stdout).toMatch(/\d+ to apply, 0 were there\n$/);

    const first = await cli(["migrate"]);
    expect(first.code).toBe(0);
    expect(first.stdout).toBe(
      dry.stdout.replaceAll("would apply", "applied").replace("to apply, 0 were", "applied, 0 were"),
    );

    const applied = first.stdout.match(/^applied /gm)!.length;
    expect(await cli(["migrate"])).toMatchObject({ code: 0, stdout: `up to date: ${applied} migrations\n` });
    await using integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" });
    expect(await integration.listings.repository.count()).toEqual({ listings: 0, embedded: 0 });
  });
});

describe("doctor", () => {
  it("finds every service of the local stack up", async () => {
    const { code, stdout, stderr } = await cli(["doctor"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const service of ["neon", "supabase", "tinyfish", "ollama"])
      expect(stdout).toMatch(new RegExp(`^  ✓ ${service} +up +[\\d.]+ ms`, "m"));
    expect(stdout).toMatch(/^Settings: valid\n/);
    expect(stdout).toMatch(/^Schema\n {2}✓ up to date$/m);
    expect(stdout).toMatch(/All is well\.\n$/);

    const json = await cli(["doctor", "--json"]);
    expect(json.stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ issues: [], health: { status: "up" }, schema: { pending: [] } });
  });

  it("says which service is down, with exit code 1, no stack trace and no password", async () => {
    const env = { ...stack.env, NEON_CONNECTION_STRING: "postgresql://owner:canary-password@127.0.0.1:1/db" };
    const { code, stdout, stderr } = await cli(["doctor"], { env });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toMatch(/^ +✗ neon +down /m);
    expect(stdout).toMatch(/^ +✓ supabase +up /m);
    expect(stdout).toMatch(
      /^ +→ neon +does it run.* NEON_CONNECTION_STRING is .*127\.0\.0\.1:1\/db\) \(environment\)$/m,
    );
    expect(stdout).toMatch(/The integration is down\.\n$/);
    expect(stdout).not.toMatch(/canary|\n\s+at /);
  });

  it("names what is switched off, and why", async () => {
    const { TINYFISH_API_KEY: _, ...env } = stack.env;
    const { code, stdout } = await cli(["doctor"], { env: { ...env, ENABLE_VECTOR_SEARCH: "false" } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +- scraping +.*TINYFISH_API_KEY/m);
    expect(stdout).toMatch(/^ +- vectorSearch +.*ENABLE_VECTOR_SEARCH/m);
    expect(stdout).not.toMatch(/tinyfish +up/);
  });
});

describe("local", () => {
  /** Four ports in a row that are free. */
  async function freePorts(): Promise<number> {
    for (let first = 20_000 + Math.floor(Math.random() * 20_000); ; first += 4) {
      const servers = await Promise.all([0, 1, 2, 3].map((offset) => listen(first + offset)));
      for (const server of servers) await server?.close();
      if (servers.every(Boolean)) return first;
    }
  }
  function listen(port: number): Promise<{ close(): Promise<void> } | undefined> {
    return new Promise((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(undefined));
      server.listen(port, "127.0.0.1", () =>
        resolve({ close: () => new Promise((closed) => server.close(() => closed())) }),
      );
    });
  }

  it("serves what its .env says, keeps the data, and leaves nothing running", { timeout: 180_000 }, async () => {
    const port = await freePorts();
    const args = ["local", "--port", `${port}`, "--data-dir", join(folder, "kept")];
    const first = start("src/cli.ts", args, { cwd: folder });
    await first.said(/Ctrl-C stops everything; the data stay in/);
    first.child.kill("SIGINT");
    const { code, stdout, stderr } = await first.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/stopping…\n$/);
    const env = parseEnv(stdout) as Record<string, string>;
    expect(env).toMatchObject({
      NEON_CONNECTION_STRING: expect.stringContaining(`:${port}/`) as string,
      SUPABASE_URL: `http://127.0.0.1:${port + 1}`,
      TINYFISH_API_URL: `http://127.0.0.1:${port + 2}`,
      OLLAMA_BASE_URL: expect.stringContaining(`:${port + 3}`) as string,
    });
    for (const offset of [0, 1, 2, 3]) {
      const server = await listen(port + offset);
      expect(server).toBeDefined();
      await server!.close();
    }

    const second = start("src/cli.ts", args, { cwd: folder });
    const { url = "" } = await second.said(/The status page is (?<url>\S+)\nCtrl-C stops everything/);
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('data-actions="yes"')]);
    const status = (await (await fetch(`${url}status.json`)).json()) as StatusSnapshot;
    expect(status.health).toMatchObject({ status: "up" });
    expect(status.services.filter(({ calls }) => calls > 0).map(({ name }) => name)).toContain("neon");
    await using integration = createIntegration({ ...env, LOG_LEVEL: "silent" });
    await integration.neon.query("create table if not exists kept (word text)");
    await integration.neon.query("insert into kept values ('hello')");
    expect(await integration.health()).toMatchObject({ status: "up" });
    second.child.kill("SIGTERM");
    expect((await second.ended).code).toBe(0);

    const third = start("src/cli.ts", args, { cwd: folder });
    await third.said(/Ctrl-C stops everything/);
    expect(await integration.neon.query("select word from kept")).toEqual([{ word: "hello" }]);
    third.child.kill("SIGINT");
    expect((await third.ended).code).toBe(0);
  });

  it("says in one line that a port is taken", async () => {
    const taken = Number(new URL(stack.env["SUPABASE_URL"]!).port);
    const { code, stdout, stderr } = await cli(["local", "--port", `${taken - 1}`]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const [starting, problem, ...rest] = stderr.trimEnd().split("\n");
    expect(starting).toBe("starting…");
    expect(problem).toMatch(/^enhanced-integration: the local .* stand-in could not start: port \d+ is taken/);
    expect(rest).toEqual([]);
  });

  it.each([
    [["--port", "0"], 2, /--port must be a whole number from 1 to 65531, but is "0"\nUsage:/],
    [["--port", "abc"], 2, /--port .* but is "abc"\nUsage:/],
    [["--port", "65533"], 2, /--port .* but is "65533"\nUsage:/],
    [["--data", "nowhere.csv"], 1, /nowhere\.csv/],
  ])("refuses %j", async (args, code, problem) => {
    const ended = await cli(["local", ...args]);
    expect(ended).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(problem) as string });
    expect(ended.stderr).not.toMatch(/\n\s+at /);
  });

  it("refuses a file with other columns, and skips broken rows of one that fits", async () => {
    const other = join(folder, "other.csv");
    await writeFile(other, "city,price\nSeattle,1\n");
    const refused = await cli(["local", "--data", other]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/lacks the columns/);
    expect(refused.stderr).not.toMatch(/\n\s+at /);

    const lines = (await readFile(new URL("../../data/king-county-sample.csv", import.meta.url), "utf8")).split("\n");
    const broken = join(folder, "broken.csv");
    await writeFile(broken, [lines[0], lines[1], "1,2", lines[2]].join("\n"));
    const running = start("src/cli.ts", ["local", "--data", broken], { cwd: folder });
    await running.said(/Ctrl-C stops everything; the data go with it/);
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^line 3 is skipped: has 2 fields instead of 19$/m);
  });

  it("ends with 0 on Ctrl-C during its start, too", async () => {
    const running = start("src/cli.ts", ["local"], { cwd: folder });
    await running.said(/starting/);
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(0);
  });
});
