import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { IntegrationError, type TokenVerifier } from "../../../src/core/index.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

describe("asUser with a token", () => {
  let database: TestDatabase;
  let neon: NeonClient;
  const userId = "6b1f4c1e-8c2b-4f0e-9d3a-1d2c3b4a5f60";
  const verifier: TokenVerifier = {
    async verify(token) {
      if (token !== "genuine") throw new IntegrationError({ code: "UNAUTHENTICATED", message: "not genuine" });
      return { userId, role: "authenticated", expiresAt: 0, claims: { sub: "spoofed", aal: "aal2" } };
    },
  };
  beforeAll(async () => {
    database = await createDatabase();
    await database.admin(
      "do $$ begin create role authenticated; exception when duplicate_object or unique_violation then null; end $$",
    );
    neon = new NeonClient({ connectionString: database.connectionString, verifier });
  });
  afterAll(async () => {
    await neon.close();
    await database.drop();
  });

  it("becomes the user that the verifier proved", async () => {
    const rows = await neon.asUser(
      "genuine",
      (tx) => tx.query`select current_user::text as role, current_setting('request.jwt.claims')::json as claims`,
    );
    expect(rows).toEqual([{ role: "authenticated", claims: { sub: userId, role: "authenticated", aal: "aal2" } }]);
  });

  it("runs nothing for a token that is not genuine, or without a verifier", async () => {
    let ran = false;
    const fn = async () => void (ran = true);
    await expect(neon.asUser("forged", fn)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    const bare = new NeonClient({ connectionString: database.connectionString });
    await expect(bare.asUser("genuine", fn)).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("verifier"),
    });
    expect(ran).toBe(false);
    await bare.close();
  });
});
