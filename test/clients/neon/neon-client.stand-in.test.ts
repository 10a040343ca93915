import { FaultPlan } from "../../../src/local/faults.ts";
import { startNeonStandIn } from "../../../src/local/neon/index.ts";
import { describeNeonClient } from "./support/neon-client-contract.ts";

// Both engines of the local Neon, by all three ways to reach it; what they may do differently is in docs/local-stack.md.
for (const engine of ["pglite", "postgres"] as const)
  for (const [transport, way] of [
    ["websocket", "HTTP and WebSockets"],
    ["tcp", "TCP"],
  ] as const)
    describeNeonClient(`${way} on the local Neon's engine ${engine}`, async () => {
      const standIn = await startNeonStandIn({ faults: new FaultPlan(), engine });
      const { connectionString } = standIn;
      return {
        options: { connectionString, transport, max: 5 },
        oneShotTransport: transport === "tcp" ? "tcp" : "http",
        close: () => standIn.close(),
      };
    });
