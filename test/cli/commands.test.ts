import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ExplainedSetting } from "../../src/config/index.ts";
import { nodeProblem } from "../../src/cli/node-version.ts";
import { loadConfig } from "../../src/index.ts";
import { type Ended, root, run } from "../support/program.ts";

/** Where no `.env` file of this machine is read. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "enhanced-integration-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const cli = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  run("src/cli.ts", args, { env, cwd: folder });

const commands = ["local", "doctor", "migrate", "provision", "env", "explain"];

describe("the command line", () => {
  it.each([["--help"], ["-h"], ["help"]])("lists every command on %s", async (word) => {
    const { code, stdout, stderr } = await cli([word]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Usage: enhanced-integration <command>/);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  });

  it.each([["--version"], ["-v"]])("prints the package's version on %s", async (word) => {
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    expect(await cli([word])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("tells whose Node is older than package.json allows", async () => {
    const { engines } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { engines: { node: string } };
    const least = engines.node.replace(/^>=/, "");
    expect([least, "24.0.0", "22.13.1"].map(nodeProblem)).toEqual([undefined, undefined, undefined]);
    expect(nodeProblem("20.20.2")).toBe("needs Node 22.12 or newer, but this is 20.20.2");
    expect(nodeProblem("22.11.0")).toMatch(/22\.12/);
  });

  it.each([
    [[], "name a command"],
    [["start"], 'there is no command "start"'],
    [["constructor"], 'there is no command "constructor"'],
  ])("answers %j with the commands and exit code 2", async (args, problem) => {
    const { code, stdout, stderr } = await cli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^enhanced-integration: ${problem}\n\nUsage: enhanced-integration <command>`));
  });

  it.each(commands)("says how %s is used", async (command) => {
    const { code, stdout, stderr } = await cli([command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Usage: enhanced-integration ${command}`));
  });

  it.each([
    ["local", "--prot"],
    ["doctor", "--fix"],
    ["migrate", "--dry"],
    ["env", "--all"],
    ["explain", "--yaml"],
    ["doctor", "now"],
  ])("answers %s %s with the usage line and exit code 2", async (command, word) => {
    const { code, stdout, stderr } = await cli([command, word]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    const [problem, usage, ...rest] = stderr.trimEnd().split("\n");
    expect(problem).toMatch(new RegExp(`^enhanced-integration: .*'${word}'$`));
    expect(usage).toMatch(new RegExp(`^Usage: enhanced-integration ${command}`));
    expect(rest).toEqual([]);
  });

  it("speaks of options, where one needs another", async () => {
    const { code, stderr } = await cli(["local", "--postgres-url", "postgres://127.0.0.1/db"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^enhanced-integration: --postgres-url is for --engine postgres\nUsage: /);
  });
});

describe("env", () => {
  it("prints the .env.example of the package, which says nothing that a config would refuse", async () => {
    const { code, stdout, stderr } = await cli(["env"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(await readFile(join(root, ".env.example"), "utf8"));
    expect(parseEnv(stdout)).toEqual({});
  });

  it("offers defaults that are accepted when their comment marks are taken away", async () => {
    const { stdout } = await cli(["env"]);
    const offered = parseEnv(stdout.replaceAll(/^# (?=[A-Z][A-Z0-9_]*=.)/gm, ""));
    expect(Object.keys(offered).length).toBeGreaterThan(50);
    // Switched on, these need keys, which nobody can offer.
    const switches = Object.keys(offered).filter((name) => /^ENABLE_|^BACKUP_ENABLED$|^POINT_IN_TIME/.test(name));
    const off = Object.fromEntries(switches.map((name) => [name, "false"]));
    expect(() => loadConfig({ ...offered, ...off })).not.toThrow();
  });
});

const canaries = {
  NEON_CONNECTION_STRING:
    "postgresql://owner:canary-neon-password@ep-cool-1.eu-central-1.aws.neon.tech/db?sslmode=require",
  SUPABASE_URL: "https://abcdefghijklmnopqrst.supabase.co",
  SUPABASE_ANON_KEY: "sb_publishable_canary-anon-0123456789",
  SUPABASE_SERVICE_KEY: "sb_secret_canary-service-0123456789abcdef",
  SUPABASE_JWT_SECRET: "canary-jwt-secret-0123456789-0123456789",
  TINYFISH_API_KEY: "sk-tinyfish-canary-0123456789abcdef",
  SESSION_SECRET: "canary-session-secret-0123456789-0123456789",
  WEBHOOK_SECRET: "canary-webhook-secret-0123456789-0123456789",
};

function expectNoCanary({ stdout, stderr }: Ended): void {
  expect(stdout).not.toMatch(/canary/);
  expect(stderr).not.toMatch(/canary/);
}

describe("explain", () => {
  it("says of every setting what it is and where it comes from, and shows no secret", async () => {
    await writeFile(
      join(folder, ".env"),
      `${Object.entries(canaries)
        .map((each) => each.join("="))
        .join("\n")}\n`,
    );
    const ended = await cli(["explain"], { NEON_POOL_SIZE: "7" });
    const { code, stdout, stderr } = ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^ +NEON_POOL_SIZE +7 +environment +Connections/m);
    expect(stdout).toMatch(/^ +SESSION_SECRET +\[secret\] +\.env +/m);
    expect(stdout).toMatch(/^ +QUERY_TIMEOUT +10s +default +/m);
    expectNoCanary(ended);

    const json = await cli(["explain", "--json"], { NEON_POOL_SIZE: "7" });
    const settings: ExplainedSetting[] = JSON.parse(json.stdout);
    expect(settings.length).toBeGreaterThan(80);
    expect(settings.find(({ name }) => name === "NEON_POOL_SIZE")).toMatchObject({ value: "7", source: "environment" });
    expect(settings.find(({ name }) => name === "SESSION_SECRET")).toMatchObject({ value: "[secret]", source: ".env" });
    expectNoCanary(json);
    await rm(join(folder, ".env"));
  });

  it("limits itself to the names that are asked for", async () => {
    const { code, stdout } = await cli(["explain", "pool", "query_t", "--json"], canaries);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as ExplainedSetting[]).map(({ name }) => name)).toEqual([
      "NEON_POOL_SIZE",
      "QUERY_TIMEOUT",
    ]);
    expect(await cli(["explain", "zeppelin"], canaries)).toEqual({
      code: 0,
      stdout: "No setting's name contains ZEPPELIN.\n",
      stderr: "",
    });
  });

  it("says what is wrong with a setting, without repeating a secret", async () => {
    const wrong = {
      ...canaries,
      NEON_CONNECTION_STRING: "postgres//owner:canary-password@host",
      NEON_POOL_SIZE: "many",
    };
    const ended = await cli(["explain", "NEON"], wrong);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/NEON_POOL_SIZE .*✗ .*whole number/);
    expect(ended.stdout).toMatch(/NEON_CONNECTION_STRING .*✗/);
    expectNoCanary(ended);
  });
});

describe("doctor, with wrong settings", () => {
  const wrong = {
    ...canaries,
    NEON_CONNECTION_STRING: "postgresql://owner:canary-password@/db",
    SUPABASE_URL: "ftp://canary.example",
    SESSION_SECRET: "changeme",
    QUERY_TIMEOUT: "soon",
  };
  const names = ["NEON_CONNECTION_STRING", "SUPABASE_URL", "SESSION_SECRET", "QUERY_TIMEOUT"];

  it("lists every problem with its mending, and no secret and no stack trace", async () => {
    const ended = await cli(["doctor"], wrong);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(/^enhanced-integration: The configuration has 4 problems:\n/);
    for (const name of names) expect(ended.stderr).toMatch(new RegExp(`^  ${name}: .+\n    → .+`, "m"));
    expect(ended.stderr).not.toMatch(/\n\s+at /);
    expect(ended.stderr).toMatch(/"enhanced-integration env".*"enhanced-integration local > .env"/s);
    expectNoCanary(ended);
  });

  it("gives them as JSON too", async () => {
    const ended = await cli(["doctor", "--json"], wrong);
    expect(ended).toMatchObject({ code: 1, stderr: "" });
    const { issues } = JSON.parse(ended.stdout) as { issues: { name: string }[] };
    expect(issues.map(({ name }) => name).sort()).toEqual(names.toSorted());
    expectNoCanary(ended);
  });

  it("is what migrate says as well", async () => {
    const ended = await cli(["migrate"], wrong);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(/The configuration has 4 problems/);
    expectNoCanary(ended);
  });
});
