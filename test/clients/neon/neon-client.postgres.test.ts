import { createDatabase } from "../../support/postgres.ts";
import { describeNeonClient } from "./support/neon-client-contract.ts";

describeNeonClient("TCP", async () => {
  const database = await createDatabase();
  const { connectionString } = database;
  return { options: { connectionString, max: 5 }, oneShotTransport: "tcp", close: () => database.drop() };
});
