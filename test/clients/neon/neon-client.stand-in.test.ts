import { afterAll } from "vitest";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn, startNeonStandIn } from "../../../src/local/neon/index.ts";
import { describeNeonClient } from "./support/neon-client-contract.ts";

// Both engines of the local Neon, by all three ways to reach it; what they may do differently is in docs/local-stack.md.
for (const engine of ["pglite", "postgres"] as const) {
  let standIn: Promise<NeonStandIn> | undefined;
  afterAll(async () => (await standIn)?.close());
  for (const [transport, way] of [
    ["websocket", "HTTP and WebSockets"],
    ["tcp", "TCP"],
  ] as const)
    describeNeonClient(`${way} on the local Neon's engine ${engine}`, async () => {
      // One for both ways, which go one after the other.
      const { connectionString } = await (standIn ??= startNeonStandIn({ faults: new FaultPlan(), engine }));
      return {
        options: { connectionString, transport, max: 5 },
        oneShotTransport: transport === "tcp" ? "tcp" : "http",
        close: async () => undefined,
      };
    });
}
