import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn, startNeonStandIn } from "../../../src/local/neon/index.ts";
import { retryingRunner } from "./support/retrying-runner.ts";

describe("over the local Neon", () => {
  const faults = new FaultPlan();
  let standIn: NeonStandIn;
  let options: { connectionString: string; transport: "websocket"; embeddingDimensions: number };
  beforeAll(async () => {
    standIn = await startNeonStandIn({ faults });
    options = { connectionString: standIn.connectionString, transport: "websocket", embeddingDimensions: 4 };
  });
  afterAll(() => standIn.close());

  it("ten migrators at once apply each shipped file once", async () => {
    const clients = Array.from({ length: 10 }, () => new NeonClient(options));
    const results = await Promise.all(clients.map((client) => client.migrate()));
    const files = [...results[0]!.applied, ...results[0]!.skipped].sort();
    expect(files[0]).toBe("0001_extensions.sql");
    expect(results.flatMap(({ applied }) => applied).sort()).toEqual(files);
    await Promise.all(clients.map((client) => client.close()));
  });

  it("a reset before or after the work is retried for reads and left alone for writes", async () => {
    const runner = retryingRunner();
    const neon = new NeonClient({ ...options, runner });
    faults.inject("neon", { kind: "reset", phase: "after" }, { times: 2, match: /^POST \/sql/ });
    expect(await neon.query`select 1 as one`).toEqual([{ one: 1 }]);
    expect(runner.attempts).toBe(3);
    faults.inject("neon", { kind: "reset", phase: "after" }, { match: /^POST \/sql/ });
    await expect(neon.query`insert into webhook_events (event_type) values ('once')`).rejects.toMatchObject({
      verdict: "outcome-unknown",
    });
    expect(await neon.query`select event_type from webhook_events`).toEqual([{ event_type: "once" }]);
    await neon.close();
  });

  it("a refused WebSocket costs a transaction one attempt", async () => {
    const runner = retryingRunner();
    const neon = new NeonClient({ ...options, runner });
    faults.inject("neon", { kind: "status", status: 503 }, { match: /\/v2/ });
    expect(await neon.transaction((tx) => tx.query`select 1 as one`)).toEqual([{ one: 1 }]);
    expect(runner.attempts).toBe(2);
    await neon.close();
  });

  it("LISTEN hears what a one-shot statement notified", async () => {
    const neon = new NeonClient(options);
    const heard = Promise.withResolvers<string>();
    const subscription = await neon.listen("news", heard.resolve);
    await neon.query`select pg_notify('news', ${"hello"})`;
    expect(await heard.promise).toBe("hello");
    await subscription.close();
    await neon.close();
  });

  it("the end of the server loses connections, idle and lent, and nothing else", async () => {
    const uncaught: unknown[] = [];
    const onUncaught = (error: unknown) => void uncaught.push(error);
    process.on("uncaughtException", onUncaught);
    const doomed = await startNeonStandIn({ faults: new FaultPlan() });
    const events = new EventBus();
    let lost = 0;
    events.on("pool.connection_lost", () => (lost += 1));
    const manager = new ConnectionPoolManager({ ...options, connectionString: doomed.connectionString, events });
    const [idle, lent] = [await manager.connect(), await manager.connect()];
    idle.release();
    await doomed.close();
    while (lost < 2) await new Promise((resolve) => setImmediate(resolve));
    await expect(lent.query({ text: "select 1" })).rejects.toThrow();
    lent.release();
    expect(manager.stats().total).toBe(0);
    expect(await manager.health()).toMatchObject({ status: "up" }); // nothing was asked since the last answer
    await expect(manager.connect()).rejects.toMatchObject({ code: "NETWORK", notSent: true });
    expect(await manager.health()).toMatchObject({ status: "down" });
    await manager.close();
    process.off("uncaughtException", onUncaught);
    expect(uncaught).toEqual([]);
  });

  it("two pools of different transports reach the same database", async () => {
    const manager = new ConnectionPoolManager({ ...options, transport: "tcp" });
    const lease = await manager.connect();
    expect((await lease.query({ text: "select 1 as one" })).rows).toEqual([{ one: 1 }]);
    lease.release();
    await manager.close();
  });
});
