import { describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { beginStatement } from "../../../src/clients/neon/begin-statement.ts";
import { ClientContext } from "../../../src/clients/neon/client-context.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { clientConfig } from "../../../src/clients/pools/drivers.ts";
import { systemClock } from "../../../src/core/index.ts";
import { postgresOverNeon, postgresOverTcp } from "./support/targets.ts";

const bound = "begin; set local statement_timeout = 1234";

describe("the server's own bound on a statement", () => {
  it.each([
    ["a plain server over TCP", "db.example.com", "tcp", 1_234, "begin"],
    ["Neon's direct host over TCP", "ep-a-1.eu-central-1.aws.neon.tech", "tcp", 1_234, bound],
    ["Neon's pooled host over TCP", "ep-a-1-pooler.eu-central-1.aws.neon.tech", "tcp", undefined, bound],
    ["Neon over WebSockets", "ep-a-1.eu-central-1.aws.neon.tech", "websocket", undefined, bound],
  ] as const)("travels as %s takes it", async (_where, host, transport, startUp, begin) => {
    const connectionString = `postgresql://u:p@${host}/d`;
    const pools = new ConnectionPoolManager({ connectionString, transport, queryTimeoutMs: 1_234 });
    const { target, limits } = pools;
    expect(clientConfig({ target, transport, limits, clock: systemClock }).statement_timeout).toBe(startUp);
    expect(beginStatement(new ClientContext({ pools }), {})).toBe(begin);
    await pools.close();
  });

  it.each([
    ["TCP", postgresOverTcp, "1234ms"],
    ["WebSockets", postgresOverNeon, "0"],
  ] as const)("holds in transactions over %s, and is left behind by none", async (_name, start, outside) => {
    const target = await start();
    const neon = new NeonClient({ ...target.options, max: 1, queryTimeoutMs: 1_234 });
    const ask = "show statement_timeout";
    expect(await neon.transaction((tx) => tx.query(ask))).toEqual([{ statement_timeout: "1234ms" }]);
    expect((await neon.pool.query(ask)).rows).toEqual([{ statement_timeout: outside }]);
    await neon.close();
    await target.close();
  });

  it("stops what runs on the server before the client gives up, and says so", async () => {
    const target = await postgresOverNeon();
    const neon = new NeonClient(target.options);
    const slow = neon.transaction(async (tx) => {
      await tx.query("set local statement_timeout = 50");
      await tx.query("select pg_sleep(60)");
    });
    await expect(slow).rejects.toMatchObject({ sqlState: "57014" });
    await neon.close();
    await target.close();
  });
});
