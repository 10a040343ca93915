import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("./shutdown-program.ts", import.meta.url));

describe("After close", () => {
  it("nothing holds the process: no worker, timer or socket, even with a stream left half read", async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { timeout: 25_000 });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      dimensions: 512,
      firstWord: "The",
      afterClose: "CLOSED",
      embedder: "english",
    });
  });
});
