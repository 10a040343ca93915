import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient, type NeonClientOptions } from "../../../src/clients/neon/index.ts";
import { startWireProxy, type WireProxy } from "./support/wire-proxy.ts";
import { type Target, targets } from "./support/targets.ts";

const until = (condition: () => boolean) => expect.poll(condition, { timeout: 10_000, interval: 5 }).toBe(true);

describe.each(targets)("listen over %s", (_name, start) => {
  let target: Target;
  let proxy: WireProxy;
  let speaker: NeonClient;
  let listening: NeonClient | undefined;
  const notify = (payload: string) => speaker.query("select pg_notify('news', $1)", [payload]);

  beforeAll(async () => {
    target = await start();
    const { hostname: host, port } = new URL(target.options.connectionString);
    proxy = await startWireProxy({ host, port: Number(port) });
    speaker = new NeonClient(target.options);
  });
  afterEach(async () => {
    await listening?.close();
    proxy.heal();
  });
  afterAll(async () => {
    await speaker.close();
    await proxy.close();
    await target.close();
  });

  /** Through the line that can fall silent. */
  function listener(options: NeonClientOptions = {}): NeonClient {
    const url = new URL(target.options.connectionString);
    url.host = `127.0.0.1:${proxy.port}`;
    const { transport } = target.options;
    return (listening = new NeonClient({
      ...{ connectionString: url.toString(), transport, random: { next: () => 0 }, listenKeepAliveMs: 250 },
      ...options,
    }));
  }

  it("notices a line that fell silent, listens again on a new one, and tells of the gap", async () => {
    const heard: string[] = [];
    let gaps = 0;
    await listener().listen("news", (payload) => heard.push(payload), { onGap: () => (gaps += 1) });
    await notify("before");
    await until(() => heard.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 800)); // several questions, all answered
    expect(gaps).toBe(0);

    proxy.freeze();
    await notify("unheard");
    proxy.heal();
    const healedAt = performance.now();
    await until(() => gaps === 1);
    expect(performance.now() - healedAt).toBeLessThan(2_500);
    await notify("after");
    await until(() => heard.length === 2);
    expect(heard).toEqual(["before", "after"]);
  });

  it("does so too where the way back stays dead for a while", async () => {
    const heard: string[] = [];
    let gaps = 0;
    await listener().listen("news", (payload) => heard.push(payload), { onGap: () => (gaps += 1) });
    proxy.freeze();
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // by now an attempt hangs in the silence
    proxy.heal();
    const healedAt = performance.now();
    await until(() => gaps === 1);
    expect(performance.now() - healedAt).toBeLessThan(2_500);
    await notify("after");
    await until(() => heard.length === 1);
  });

  it("is closed at once in the silence, with and without a connection", async () => {
    const client = listener();
    const subscription = await client.listen("news", () => undefined);
    proxy.freeze();
    const startedAt = performance.now();
    await subscription.close();
    const never = client.listen("news", () => undefined).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await client.close();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(await never).toMatchObject({ code: "NETWORK" });
    await expect(client.listen("news", () => undefined)).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("asks nothing with listenKeepAliveMs 0", async () => {
    let gaps = 0;
    await listener({ listenKeepAliveMs: 0 }).listen("news", () => undefined, { onGap: () => (gaps += 1) });
    proxy.freeze();
    proxy.heal();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(gaps).toBe(0);
  });
});

it("counts a subscription as use of the compute, and refuses a pause that is none", async () => {
  const target = await targets[0]![1]();
  await using pools = new ConnectionPoolManager(target.options);
  await using neon = new NeonClient({ pools, listenKeepAliveMs: 20 });
  expect(pools.stats().awake.awakeMs).toBe(0);
  await neon.listen("news", () => undefined);
  await until(() => pools.stats().awake.awakeMs > 300_000); // the first answer's tail, and a little of the second's
  expect(pools.stats()).toMatchObject({ total: 0, awake: { wakeUps: { call: 1 } } });
  expect(() => new NeonClient({ ...target.options, listenKeepAliveMs: -1 })).toThrow(/from 0 to 86400000, got -1/);
  await neon.close();
  await target.close();
});
