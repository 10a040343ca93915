import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FaultPlan } from "../../src/local/index.ts";
import { type NeonApis, startNeonApis } from "../../src/local/neon/apis.ts";
import { minimalEnv } from "../config/minimal-env.ts";
import { run } from "../support/program.ts";

let apis: NeonApis;
beforeAll(async () => {
  const connectionString = minimalEnv.NEON_CONNECTION_STRING;
  const verify = async () => ({});
  apis = await startNeonApis({ faults: new FaultPlan(), connectionString, apiKey: "napi_0123456789", verify });
});
afterAll(() => apis?.close());

const provision = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  run("src/cli.ts", ["provision", ...args], { env: { ...minimalEnv, ...apis.env, ...env }, cwd: tmpdir() });

it("tells what would change, changes it, and then finds nothing to do", async () => {
  const dry = await provision(["--dry-run"]);
  expect(dry.stdout).toMatch(/backups +would change +none → daily at 02:00 UTC, kept 30 days/);
  expect((await provision()).stdout).toMatch(/backups +changed/);
  const again = await provision(["--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ branch: { outcome: "same" }, schedule: { outcome: "same" } });
  expect([dry.code, again.code]).toEqual([0, 0]);
}, 60_000);

it("makes a missing branch only when told to", async () => {
  const env = { NEON_BRANCH: "staging" };
  const refused = await provision([], env);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no branch "staging" (NEON_BRANCH); --create-branch'),
  });
  expect((await provision(["--create-branch", "--dry-run"], env)).stdout).toContain(
    'would create the branch "staging"',
  );
  expect((await provision(["--create-branch"], env)).stdout).toMatch(/branch +created +staging/);
}, 60_000);

it("says what to set where the management API is off", async () => {
  const off = await run("src/cli.ts", ["provision"], { env: minimalEnv, cwd: tmpdir() });
  expect(off).toMatchObject({ code: 1, stderr: expect.stringContaining("NEON_PROJECT_ID and NEON_API_KEY") });
}, 60_000);
