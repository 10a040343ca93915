import { FaultPlan } from "../../../src/local/faults.ts";
import { startNeonStandIn } from "../../../src/local/neon/index.ts";
import { describeNeonClient } from "./support/neon-client-contract.ts";

describeNeonClient("HTTP and WebSockets", async () => {
  const standIn = await startNeonStandIn({ faults: new FaultPlan() });
  const { connectionString } = standIn;
  return {
    options: { connectionString, transport: "websocket", max: 5 },
    oneShotTransport: "http",
    close: () => standIn.close(),
  };
});
