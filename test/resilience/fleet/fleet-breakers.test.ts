import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type BreakerOptions, CircuitBreaker } from "../../../src/resilience/index.ts";
import { FleetBreakers } from "../../../src/resilience/fleet/fleet-breakers.ts";
import { type FleetBreakersOptions } from "../../../src/resilience/fleet/fleet-options.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { always, reset, thrownBy } from "../helpers.ts";
import { OwnRedis } from "./own-redis.ts";

let redis: OwnRedis;
let admin: Redis;
const cleanUps: (() => unknown)[] = [];

beforeAll(async () => {
  redis = await OwnRedis.start();
  admin = redis.client();
});
afterAll(() => redis.close());
beforeEach(() => admin.flushall());
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

type Options = Partial<FleetBreakersOptions> & {
  readonly breaker?: BreakerOptions;
  readonly messages?: boolean;
  readonly nodeRedis?: boolean;
};

/** What a process of the fleet has: a breaker, a connection of its own, and its view of the fleet. */
async function join({ breaker: breakerOptions, messages = false, nodeRedis = false, ...options }: Options = {}) {
  const events: string[] = [];
  const breaker = new CircuitBreaker({
    service: "maps",
    minimumCalls: 3,
    breakMs: 40,
    halfOpenPermits: 1,
    random: always(0),
    ...breakerOptions,
    onEvent: (name, event) => void events.push("reason" in event ? `${name}: ${event.reason}` : name),
  });
  const client = redis.client();
  let commands = 0;
  const counted = {
    evalsha: (...command: Parameters<typeof client.evalsha>) => ((commands += 1), client.evalsha(...command)),
    eval: (...command: Parameters<typeof client.eval>) => client.eval(...command),
  } as FleetBreakersOptions["client"];
  const subscriber = redis.client();
  const other = nodeRedis ? { client: await redis.nodeClient(), subscriber: await redis.nodeClient() } : undefined;
  const fleet = new FleetBreakers({
    client: other?.client ?? counted,
    pollMs: 20,
    commandTimeoutMs: 5_000,
    ...(messages && { subscriber: other?.subscriber ?? subscriber }),
    ...options,
  });
  fleet.join(breaker);
  cleanUps.push(() => fleet.close());
  await fleet.start();
  const fail = () => breaker.run(() => Promise.reject(reset())).catch(() => undefined);
  const trip = async () => {
    for (let call = 0; call < 3; call += 1) await fail();
  };
  return { breaker, fleet, events, client, subscriber, fail, trip, commands: () => commands };
}

const eventually = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 2 });
const shows = (state: string, ...processes: { breaker: CircuitBreaker }[]) =>
  eventually(() =>
    expect(processes.map(({ breaker }) => breaker.snapshot().state)).toEqual(processes.map(() => state)),
  );
/** Calls until one is let through, and returns what it returns. */
const served = <T>({ breaker }: { breaker: CircuitBreaker }, fn: () => Promise<T>): Promise<T> =>
  vi.waitFor(() => breaker.run(fn), { timeout: 5_000, interval: 2 });

describe.each([
  { how: "messages", options: { messages: true, pollMs: 1_000 } },
  { how: "polling", options: { pollMs: 20 } },
  { how: "messages of node-redis", options: { messages: true, pollMs: 1_000, nodeRedis: true } },
  { how: "polling with node-redis", options: { pollMs: 20, nodeRedis: true } },
])("a fleet that learns by $how", ({ options }) => {
  it("opens everywhere what one process opens, for as long, and closes it everywhere", async () => {
    const [a, b] = [await join(options), await join(options)];
    await a.trip();
    await eventually(() => expect(b.events).toEqual(["circuit.opened: another process opened it"]));
    expect(b.breaker.snapshot().remainingMs).toBeLessThanOrEqual(40);
    expect(await served(b, async () => "served")).toBe("served");
    await shows("closed", a, b);
    expect(a.events).toEqual(["circuit.opened: 3 of 3 calls failed", "circuit.closed"]);
  });

  it("lets one process alone probe, however many ask", async () => {
    const fleet = [await join(options), await join(options), await join(options)] as const;
    await fleet[0].trip();
    await shows("open", ...fleet);
    let probes = 0;
    const answers: ((value: string) => void)[] = [];
    const probe = () => ((probes += 1), new Promise<string>((resolve) => void answers.push(resolve)));
    const results = Promise.all(fleet.map((process) => served(process, probe)));
    await eventually(() => expect(probes).toBe(1));
    for (let round = 0; round < 50; round += 1) {
      const more = await Promise.allSettled(fleet.map(({ breaker }) => breaker.run(probe)));
      expect(more.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    }
    expect(probes).toBe(1);
    answers[0]?.("healthy");
    await shows("closed", ...fleet);
    await eventually(() => expect(probes).toBe(3));
    for (const answer of answers) answer("healthy");
    expect(await results).toEqual(["healthy", "healthy", "healthy"]);
  });

  it("breaks longer everywhere when the probe fails", async () => {
    const [a, b] = [await join(options), await join(options)];
    await a.trip();
    await shows("open", a, b);
    await eventually(async () => {
      await b.fail();
      expect(b.breaker.snapshot().opens).toBe(2);
    });
    await eventually(() => expect(a.breaker.snapshot()).toMatchObject({ state: "open", opens: 2 }));
  });

  it("isolates and closes everywhere by hand", async () => {
    const [a, b] = [await join(options), await join(options)];
    a.breaker.isolate();
    await shows("isolated", b);
    const late = await join(options);
    expect(late.breaker.state).toBe("isolated");
    b.breaker.close();
    await shows("closed", a, b, late);
  });
});

describe("a fleet of circuit breakers", () => {
  it("agrees on one break when two processes open at once", async () => {
    const [a, b] = [await join(), await join()];
    await Promise.all([a.trip(), b.trip()]);
    await eventually(async () => {
      expect(await admin.hget("enhanced-integration:circuit:maps", "opens")).toBe("1");
      expect([a.breaker.snapshot().opens, b.breaker.snapshot().opens]).toEqual([1, 1]);
    });
  });

  it("sends nothing for calls: closed, and open, a breaker decides from memory", async () => {
    const a = await join({ pollMs: 60_000, breaker: { breakMs: 60_000 } });
    const before = a.commands();
    for (let call = 0; call < 1_000; call += 1) await a.breaker.run(async () => undefined);
    expect(a.commands()).toBe(before);
    a.breaker.close();
    await a.trip();
    await eventually(() => expect(a.commands()).toBeGreaterThan(before));
    const opened = a.commands();
    for (let call = 0; call < 1_000; call += 1) await a.fail();
    expect(a.commands()).toBeLessThanOrEqual(opened + 1);
  });

  it("passes the lease on when the process that probes leaves, and ignores what that one says later", async () => {
    const lease = { pollMs: 20, leaseMs: 60 };
    const [a, b] = [await join(lease), await join(lease)];
    await a.trip();
    await shows("open", a, b);
    let fail = (_error: unknown) => {};
    const lost = served(a, () => new Promise<never>((_resolve, reject) => (fail = reject)));
    lost.catch(() => undefined);
    await shows("half-open", a);
    await a.fleet.close();
    expect(await served(b, async () => "served")).toBe("served");
    expect(b.breaker.state).toBe("closed");
    fail(reset());
    await eventually(() => expect(a.breaker.snapshot().state).toBe("open"));
    const [known] = await admin.hmget("enhanced-integration:circuit:maps", "state");
    expect([known, b.breaker.state]).toEqual(["closed", "closed"]);
  });

  it("renews the lease while a probe takes its time", async () => {
    const lease = { pollMs: 20, leaseMs: 900 };
    const [a, b] = [await join(lease), await join(lease)];
    await a.trip();
    await shows("open", a, b);
    let answer = (_value: string) => {};
    const probe = served(a, () => new Promise<string>((resolve) => (answer = resolve)));
    await shows("half-open", a);
    const versions = new Set<string | null>();
    let intruders = 0;
    await eventually(async () => {
      await b.breaker.run(async () => void (intruders += 1)).catch(() => undefined);
      versions.add(await admin.hget("enhanced-integration:circuit:maps", "version"));
      expect(versions.size).toBeGreaterThan(3);
    });
    answer("served");
    expect(await probe).toBe("served");
    await shows("closed", a, b);
    expect(intruders).toBe(0);
  });

  it("goes on without Redis, each process by itself, and agrees again afterwards", async () => {
    const options = { commandTimeoutMs: 30 };
    const [a, b] = [await join(options), await join(options)];
    redis.pause();
    try {
      await eventually(() => expect([a.fleet.connected, b.fleet.connected]).toEqual([false, false]));
      await a.trip();
      expect(a.breaker.state).toBe("open");
      expect(b.breaker.state).toBe("closed");
      expect(await served(a, async () => "probed alone")).toBe("probed alone");
      expect(a.breaker.state).toBe("closed");
      a.breaker.isolate();
    } finally {
      redis.resume();
    }
    await eventually(() => expect([a.fleet.connected, b.fleet.connected]).toEqual([true, true]));
    await shows("isolated", a, b);
  });

  it("recognises a lease that it was given by an answer that came too late", async () => {
    const a = await join({ commandTimeoutMs: 40 });
    const b = await join();
    await a.trip();
    await shows("open", a, b);
    redis.pause();
    let answer = (_value: string) => {};
    // The request for the lease goes unanswered, and the process probes alone.
    const probe = served(a, () => new Promise<string>((resolve) => (answer = resolve)));
    await shows("half-open", a);
    redis.resume();
    await eventually(() => expect(a.fleet.connected).toBe(true));
    await eventually(async () =>
      expect(await admin.hget("enhanced-integration:circuit:maps", "state")).toBe("half-open"),
    );
    expect(a.breaker.snapshot().state).toBe("half-open");
    answer("served");
    expect(await probe).toBe("served");
    await shows("closed", a, b);
  });

  it.each([
    ["is emptied", () => admin.flushall()],
    ["forgets its scripts", () => admin.script("FLUSH")],
    [
      "is killed and comes back empty",
      async () => {
        await redis.kill();
        await redis.start();
      },
    ],
  ])("survives a server that %s", async (_what, disaster) => {
    const [a, b] = [await join(), await join()];
    await a.trip();
    await shows("open", a, b);
    await disaster();
    expect(await served(b, async () => "served")).toBe("served");
    await shows("closed", a, b);
    await b.trip();
    await shows("open", a, b);
  });

  it("goes on alone where its key holds something else", async () => {
    await admin.set("enhanced-integration:circuit:maps", "not a circuit");
    const a = await join();
    expect(a.fleet.connected).toBe(false);
    await a.trip();
    expect(a.breaker.state).toBe("open");
    expect(await served(a, async () => "served")).toBe("served");
  });

  it("leaves nothing in Redis that does not expire, isolation by hand apart", async () => {
    const a = await join();
    await a.trip();
    await eventually(async () =>
      expect(await admin.pttl("enhanced-integration:circuit:maps")).toBeGreaterThan(500_000),
    );
    a.breaker.isolate();
    await eventually(async () => expect(await admin.pttl("enhanced-integration:circuit:maps")).toBe(-1));
    a.breaker.close();
    await eventually(async () =>
      expect(await admin.pttl("enhanced-integration:circuit:maps")).toBeGreaterThan(500_000),
    );
  });

  it("keeps no timer and no listener after close, and its breakers work on", async () => {
    const clock = new ManualClock();
    const a = await join({ clock, messages: true });
    expect(clock.pendingTimers).toBe(1);
    await a.fleet.close();
    await a.fleet.close();
    expect([clock.pendingTimers, a.subscriber.listenerCount("message"), a.fleet.connected]).toEqual([0, 0, false]);
    const before = a.commands();
    await a.trip();
    expect([a.breaker.state, a.commands()]).toEqual(["open", before]);
    const other = new FleetBreakers({ client: a.client });
    await other.join(a.breaker)();
  });

  it("takes a breaker once, and names every bad option", async () => {
    const a = await join();
    expect(thrownBy(() => a.fleet.join(a.breaker)).message).toContain("belongs to a fleet already");
    const options = { client: {}, subscriber: {}, pollMs: 1, leaseMs: 2, commandTimeoutMs: 0 };
    const { message } = thrownBy(() => new FleetBreakers(options as never));
    for (const name of Object.keys(options)) expect(message).toContain(name);
  });
});

it("two processes share one circuit", async () => {
  const path = fileURLToPath(new URL("fleet-process.ts", import.meta.url));
  const processes = [0, 1].map(() => fork(path, [String(redis.port), "300"], { execArgv: [] }));
  cleanUps.push(() => processes.map((child) => child.kill()));
  const [a, b] = processes as [ChildProcess, ChildProcess];
  await Promise.all(processes.map((child) => once(child, "message")));
  const ask = async (child: ChildProcess, command: string) => {
    child.send(command);
    return ((await once(child, "message")) as [string])[0];
  };
  for (let call = 0; call < 3; call += 1) expect(await ask(a, "fail")).toBe("ECONNRESET");
  expect(await ask(a, "succeed")).toBe("CIRCUIT_OPEN");
  await eventually(async () => expect(await ask(b, "succeed")).toBe("CIRCUIT_OPEN"));
  await eventually(async () => expect(await ask(b, "succeed")).toBe("served"));
  await eventually(async () => expect(await ask(a, "state")).toBe("closed"));
});
