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
