import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { beginStatement } from "../../../src/clients/neon/begin-statement.ts";
import { ClientContext } from "../../../src/clients/neon/client-context.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { clientConfig } from "../../../src/clients/pools/drivers.ts";
import { systemClock } from "../../../src/core/index.ts";
import { postgresOverNeon, postgresOverTcp } from "./support/targets.ts";

const bound = "begin; set local statement_timeout = 1234; set local idle_in_transaction_session_timeout = 60000";

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

  it.each([
    ["TCP", postgresOverTcp],
    ["WebSockets", postgresOverNeon],
  ] as const)("ends a transaction over %s that does nothing, and the next call goes on", async (_name, start) => {
    const target = await start();
    const neon = new NeonClient({ ...target.options, max: 1, idleInTransactionMs: 100 });
    const idle = neon.transaction(async (tx) => {
      await tx.query("select 1");
      await setTimeout(600);
      await tx.query("select 2");
    });
    await expect(idle).rejects.toMatchObject({ code: "NETWORK" });
    expect(await neon.query("select 3 as three")).toEqual([{ three: 3 }]);
    await neon.close();
    await target.close();
  });

  it("does not count the wait for a connection as a statement's time", async () => {
    const target = await postgresOverTcp();
    const neon = new NeonClient({ ...target.options, max: 1, queryTimeoutMs: 1_000 });
    const nap = () => neon.query("select pg_sleep(0.7)");
    await neon.query("select 1");
    expect(await Promise.all([nap(), nap()])).toHaveLength(2);
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
