import { expect, it } from "vitest";
import { createPipeline, type PipelineOptions } from "../../../src/resilience/index.ts";
import { listings, startClient } from "./harness.ts";

const start = (options: PipelineOptions = {}) =>
  startClient({ runner: createPipeline({ defaults: { baseDelayMs: 1, maxDelayMs: 2 }, ...options }) });

it.each([
  { kind: "reset", phase: "after" } as const,
  { kind: "reset", phase: "before" } as const,
  { kind: "status", status: 500 } as const,
  { kind: "status", status: 502 } as const,
  { kind: "status", status: 503 } as const,
  { kind: "status", status: 429, retryAfterSeconds: 0 } as const,
])("under the pipeline's retries a run is still paid once: %j", async (fault) => {
  const { client, page, standIn, faults } = await start();
  const injected = faults.inject("tinyfish", fault, { match: /run-async/ });
  const { result } = await client.run({ url: page, goal: "List", output: listings });
  expect(result.listings).toHaveLength(20);
  expect([injected.fired, standIn.stats().runsCreated]).toEqual([1, 1]);
});

it("under the pipeline reads are tried again", async () => {
  const { client, faults } = await start();
  const fault = faults.inject("tinyfish", { kind: "status", status: 503 }, { times: 2 });
  expect((await client.search({ query: "house" })).results).toHaveLength(10);
  expect(fault.fired).toBe(2);
});

it("an outage of search refuses neither pages nor runs", async () => {
  const { client, page, faults } = await start({ services: { tinyfish: { breaker: { minimumCalls: 3 } } } });
  faults.inject("tinyfish", { kind: "status", status: 503 }, { match: /v1\/search/, times: 9 });
  for (let call = 0; call < 3; call += 1) await client.search({ query: "house" }).catch(() => undefined);
  await expect(client.search({ query: "house" })).rejects.toMatchObject({ code: "CIRCUIT_OPEN" });
  expect((await client.fetch({ urls: [page] })).pages).toHaveLength(1);
  expect((await client.run({ url: page, goal: "List", output: listings })).result.listings).toHaveLength(20);
});

it("under the pipeline a stream that breaks is still one run with one end", async () => {
  const { client, page, standIn } = await start();
  standIn.quirks.cutStreamAfterEvents = 2;
  const types: string[] = [];
  for await (const event of client.stream({ url: page, goal: "List" })) types.push(event.type);
  expect(types).toEqual(["STARTED", "PROGRESS", "PROGRESS", "PROGRESS", "COMPLETE"]);
  expect(standIn.stats().runsCreated).toBe(1);
});
