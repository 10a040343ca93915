import { expect, it } from "vitest";
import { createIntegration } from "../../src/index.ts";
import { minimalEnv } from "../config/minimal-env.ts";

it("refuses writes to Neon with the pool's reason while the pool is degraded", async () => {
  await using integration = createIntegration({ ...minimalEnv, LOG_LEVEL: "error" });
  integration.pools.observe("write-refused", "the server is a standby");
  const write = () =>
    integration.call({ service: "neon", operation: "host", write: true }, () => Promise.resolve("sent"));
  await expect(write()).rejects.toMatchObject({ code: "READ_ONLY", message: expect.stringContaining("a standby") });
  const read = integration.call({ service: "neon", operation: "host", idempotent: true }, () =>
    Promise.resolve("sent"),
  );
  expect(await read).toBe("sent");
  integration.pools.observe("write-accepted");
  expect(await write()).toBe("sent");
});

it("keeps to the host's own word until it is taken back, whatever the pool finds out meanwhile", async () => {
  await using integration = createIntegration({ ...minimalEnv, LOG_LEVEL: "error" });
  const modes: string[] = [];
  integration.events.on("service.mode_changed", ({ mode }) => modes.push(mode));
  const write = () =>
    integration.call({ service: "neon", operation: "host", write: true }, () => Promise.resolve("sent"));
  integration.setMode("neon", "read-only", "we are moving house");
  integration.pools.observe("write-refused", "the server is a standby");
  integration.pools.observe("write-accepted");
  await expect(write()).rejects.toMatchObject({ code: "READ_ONLY", message: expect.stringContaining("moving house") });
  integration.pools.observe("write-refused", "the server is a standby");
  integration.setMode("neon", "read-write", "moved");
  await expect(write()).rejects.toMatchObject({ code: "READ_ONLY", message: expect.stringContaining("a standby") });
  integration.pools.observe("write-accepted");
  expect(await write()).toBe("sent");
  expect(modes).toEqual(["read-only", "read-write"]);
});
