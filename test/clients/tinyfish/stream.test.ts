import { describe, expect, it } from "vitest";
import { type RunEvent } from "../../../src/clients/tinyfish/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { listings, pump, startClient, startSilentSite } from "./harness.ts";

async function collect<T>(stream: AsyncIterable<RunEvent<T>>) {
  const events: RunEvent<T>[] = [];
  for await (const event of stream) events.push(event);
  return { events, types: events.map((event) => event.type), last: events.at(-1)! };
}

describe("stream", () => {
  it("tells the run's progress, and ends with what run returns", async () => {
    const { client, page, standIn } = await startClient();
    const { types, last } = await collect(client.stream({ url: page, goal: "List", output: listings }));
    expect(types).toEqual(["STARTED", "PROGRESS", "PROGRESS", "PROGRESS", "COMPLETE"]);
    expect(last).toMatchObject({ status: "COMPLETED", outcome: { steps: 3, costUsd: 0.048 } });
    expect(last.type === "COMPLETE" && last.outcome?.result.listings.length).toBe(20);
    expect(client.spentTodayUsd).toBeCloseTo(0.048, 6);
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("ends with the error that run throws where the run failed", async () => {
    const { client, standIn } = await startClient();
    const { last } = await collect(client.stream({ url: `${standIn.siteUrl}/nothing`, goal: "x" }));
    expect(last).toMatchObject({ type: "COMPLETE", status: "FAILED" });
    expect(last.type === "COMPLETE" && last.error).toMatchObject({
      code: "UPSTREAM_STATUS",
      details: { tinyfishCode: "TASK_FAILED", helpUrl: expect.stringMatching(/^https:/) },
    });
  });

  it("passes events on that it does not know", async () => {
    const { client, page, standIn } = await startClient();
    standIn.quirks.unknownNames = true;
    const { events, types } = await collect(client.stream({ url: page, goal: "List" }));
    expect(events[0]).toMatchObject({ type: "UNKNOWN", event: { type: "THINKING" } });
    expect(types.filter((type) => type === "COMPLETE")).toHaveLength(1);
  });

  for (const cutStreamBy of ["reset", "end"] as const)
    for (const cutStreamAfterEvents of [0, 1, 2, 4])
      it(`goes on by polling when the stream is ${cutStreamBy} after ${cutStreamAfterEvents} events`, async () => {
        const { client, page, standIn } = await startClient();
        Object.assign(standIn.quirks, { cutStreamBy, cutStreamAfterEvents });
        const { types, last } = await collect(client.stream({ url: page, goal: "List", output: listings }));
        expect(last).toMatchObject({ type: "COMPLETE", status: "COMPLETED", outcome: { steps: 3 } });
        expect(types.filter((type) => type === "COMPLETE")).toHaveLength(1);
        expect(types.filter((type) => type === "PROGRESS")).toHaveLength(3);
        expect(standIn.stats().runsCreated).toBe(1);
      });

  it("goes on by polling when the stream falls silent", async () => {
    const clock = new ManualClock();
    const { client, page, standIn } = await startClient({ clock, streamStallMs: 20_000 });
    Object.assign(standIn.quirks, { cutStreamBy: "silence", cutStreamAfterEvents: 2 });
    const { last } = await pump(clock, collect(client.stream({ url: page, goal: "List" })));
    expect(last).toMatchObject({ type: "COMPLETE", status: "COMPLETED" });
    expect(clock.now()).toBeGreaterThanOrEqual(20_000);
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("takes heartbeats for life", async () => {
    const clock = new ManualClock();
    const site = await startSilentSite();
    const { client } = await startClient({ clock, streamStallMs: 20_000 }, { clock, heartbeatMs: 5000 });
    let beats = 0;
    const read = async () => {
      for await (const event of client.stream({ url: site.url, goal: "x" })) {
        if (event.type === "HEARTBEAT") beats += 1;
        if (beats === 10) site.close();
        if (event.type === "COMPLETE") return event;
      }
      return undefined;
    };
    expect(await pump(clock, read())).toMatchObject({ status: "FAILED" });
    expect(beats).toBeGreaterThanOrEqual(10);
  });

  it("orders once where the connection broke before anything was told", async () => {
    const { client, page, standIn, faults } = await startClient();
    faults.inject("tinyfish", { kind: "reset", phase: "after" }, { match: /run-sse/ });
    const { last } = await collect(client.stream({ url: page, goal: "List" }));
    expect(last).toMatchObject({ type: "COMPLETE", status: "COMPLETED" });
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("orders again, once, where the first order is nowhere", async () => {
    const { client, page, standIn, faults } = await startClient();
    faults.inject("tinyfish", { kind: "reset", phase: "before" }, { match: /run-sse/ });
    const { last } = await collect(client.stream({ url: page, goal: "List" }));
    expect(last).toMatchObject({ type: "COMPLETE", status: "COMPLETED" });
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("throws a refusal, and frees what was set aside for it", async () => {
    const { client, page, standIn } = await startClient({ dailyBudgetUsd: 3 });
    standIn.quirks.betaGates = true;
    await expect(collect(client.stream({ url: page, goal: "x", output: listings }))).rejects.toMatchObject({
      code: "FORBIDDEN",
      details: { betaFeatures: ["output"] },
    });
    expect(client.spentTodayUsd).toBe(0);
  });

  it("cancels the run when the reader leaves", async () => {
    const site = await startSilentSite();
    const { client, standIn } = await startClient();
    for await (const event of client.stream({ url: site.url, goal: "x" })) if (event.type === "PROGRESS") break;
    await client.close();
    expect(standIn.stats()).toMatchObject({ running: 0, runsCreated: 1 });
  });

  it("cancels the run on abort, also while it polls", async () => {
    const site = await startSilentSite();
    const { client, standIn } = await startClient();
    Object.assign(standIn.quirks, { cutStreamBy: "end", cutStreamAfterEvents: 1 });
    const abort = new AbortController();
    const reading = collect(client.stream({ url: site.url, goal: "x", signal: abort.signal }));
    await site.visited();
    abort.abort();
    await expect(reading).rejects.toMatchObject({ code: "ABORTED" });
    await client.close();
    expect(standIn.stats()).toMatchObject({ running: 0, runsCreated: 1 });
  });

  it("takes a place among the runs, and gives it back", async () => {
    const { client, page, standIn } = await startClient({ maxConcurrentRuns: 1 }, { maxConcurrentRuns: 9 });
    await Promise.all([1, 2, 3].map(() => collect(client.stream({ url: page, goal: "List" }))));
    expect(standIn.stats()).toMatchObject({ runsCreated: 3, peakRunning: 1 });
  });

  it("follows the run that was ordered under the same idempotency key", async () => {
    const { client, page, standIn } = await startClient();
    const { runId } = await client.run({ url: page, goal: "List", idempotencyKey: "job" });
    const { last } = await collect(client.stream({ url: page, goal: "List", idempotencyKey: "job" }));
    expect(last).toMatchObject({ type: "COMPLETE", runId });
    expect(standIn.stats().runsCreated).toBe(1);
  });

  it("does not hold up the client's end when nobody reads on", async () => {
    const clock = new ManualClock();
    const site = await startSilentSite();
    const { client } = await startClient({ clock });
    const stream = client.stream({ url: site.url, goal: "x" });
    await stream.next();
    await pump(clock, client.close({ timeoutMs: 2000 }));
    await expect(stream.next().then(() => stream.next())).rejects.toMatchObject({ code: "CLOSED" });
  });
});
