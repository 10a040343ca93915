import { once } from "node:events";
import { connect } from "node:net";
import express from "express";
import { afterEach, describe, expect, it } from "vitest";
import { opsRouter, type OpsRouterOptions } from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration, type StatusSnapshot } from "../../../src/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { offline, serve, type Served } from "../support.ts";

/** In slices: what follows a timer may take turns of the real event loop. */
const TURNS = 20;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function hosted(options: OpsRouterOptions, bend: (integration: Integration) => Integration = (same) => same) {
  const clock = new ManualClock();
  const fetch = () => Promise.reject(new TypeError("fetch failed"));
  const integration = createIntegration(offline, { clock, fetch });
  const host = await serve(express().use("/ops", opsRouter(bend(integration), options)));
  ends.push(
    async () => {
      const closed = integration.close();
      await clock.advance(30_000);
      await closed;
    },
    async () => host[Symbol.asyncDispose](),
  );
  const pass = async (ms: number) => {
    await clock.advance(ms);
    for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, host, pass };
}

/** Reads the stream in the background. */
async function watch(host: Served, headers: Record<string, string> = {}) {
  const response = await fetch(`${host.url}/ops/events`, { headers });
  const seen = { status: response.status, snapshots: 0, ended: false };
  void (async () => {
    for await (const text of response.body!.pipeThrough(new TextDecoderStream()))
      seen.snapshots += text.split("data: {").length - 1;
    seen.ended = true;
  })().catch(() => (seen.ended = true));
  await expect.poll(() => seen.snapshots).toBe(1);
  return seen;
}

describe("a stream that is open", () => {
  const sessions = new Map<string, string>();
  const authorize: OpsRouterOptions["authorize"] = (request) => sessions.get(request.get("x-session") ?? "") ?? false;
  const mine = { "x-session": "mine" };

  it("goes on while its visitor may see it, and ends at the next snapshot after the session was revoked", async () => {
    sessions.set("mine", "ada").set("other", "bob");
    const { host, pass } = await hosted({ authorize });
    const seen = await watch(host, mine);
    const other = await watch(host, { "x-session": "other" });
    await pass(2_000);
    await expect.poll(() => [seen.snapshots, other.snapshots]).toEqual([2, 2]);
    sessions.delete("mine");
    await pass(2_000);
    await expect.poll(() => [seen.ended, other.snapshots]).toEqual([true, 3]);
    expect([seen.snapshots, other.ended]).toEqual([2, false]);
    expect((await fetch(`${host.url}/ops/events`, { headers: mine, method: "HEAD" })).status).toBe(404);
  });

  it("ends when the same session has become somebody else's", async () => {
    sessions.set("mine", "ada");
    const { host, pass } = await hosted({ authorize });
    const seen = await watch(host, mine);
    sessions.set("mine", "bob");
    await pass(2_000);
    await expect.poll(() => seen.ended).toBe(true);
    expect(seen.snapshots).toBe(1);
  });

  it("sends nothing while it is not known whether its visitor may see it, and ends when that fails", async () => {
    let answer: (allowed: boolean) => void = () => undefined;
    let fail: (error: Error) => void = () => undefined;
    let isFirst = true;
    const { host, pass } = await hosted({
      authorize: () => {
        if (isFirst) return !(isFirst = false);
        return new Promise((resolve, reject) => {
          answer = resolve;
          fail = reject;
        });
      },
    });
    const seen = await watch(host);
    await pass(10_000);
    expect([seen.snapshots, seen.ended]).toEqual([1, false]);
    answer(true);
    await expect.poll(() => seen.snapshots).toBe(2);
    await pass(2_000);
    fail(new Error("the session store is away"));
    await expect.poll(() => seen.ended).toBe(true);
    expect(seen.snapshots).toBe(2);
  });
});

describe("a reader that takes nothing", () => {
  /** Makes snapshots of a megabyte as fast as they are taken. */
  function greedy(made: { snapshots: number; ended: boolean }) {
    return (integration: Integration): Integration => ({
      ...integration,
      async *watchStatus() {
        const filling = "x".repeat(1_000_000);
        try {
          for (let i = 0; i < 200; i += 1) {
            made.snapshots += 1;
            yield { filling } as unknown as StatusSnapshot;
          }
        } finally {
          made.ended = true;
        }
      },
    });
  }

  it("makes no snapshots pile up here, and loses its place after half a minute", async () => {
    const made = { snapshots: 0, ended: false };
    const { host, pass } = await hosted({}, greedy(made));
    const socket = connect(Number(new URL(host.url).port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.pause().write("GET /ops/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let before = 0;
    // Until the system's own buffers are full.
    await expect.poll(() => made.snapshots > 0 && before === (before = made.snapshots), { interval: 200 }).toBe(true);
    const held = made.snapshots;
    await pass(29_000);
    expect([made.snapshots, made.ended]).toEqual([held, false]);
    expect(held).toBeLessThan(20);
    await pass(1_000);
    await expect.poll(() => made.ended).toBe(true);
    socket.resume();
    await once(socket, "close");
  });
});
