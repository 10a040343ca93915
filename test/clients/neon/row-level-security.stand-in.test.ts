import { NeonClient } from "../../../src/clients/neon/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { startNeonStandIn } from "../../../src/local/neon/index.ts";
import { describeRowLevelSecurity } from "./support/row-level-security-contract.ts";

describeRowLevelSecurity("HTTP and WebSockets", async () => {
  const standIn = await startNeonStandIn({ faults: new FaultPlan() });
  const options = {
    connectionString: standIn.connectionString,
    transport: "websocket",
    embeddingDimensions: 4,
  } as const;
  const neon = new NeonClient({ ...options, max: 1 });
  await neon.migrate();
  await neon.query`insert into listings (source, source_key, title, description, price, content_hash) values ('s', '1', 't', 'd', 1, 'h')`;
  return {
    neon,
    async close() {
      await neon.close();
      await standIn.close();
    },
  };
});
