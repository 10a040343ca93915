import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Fault, type StandInName } from "../../src/local/index.ts";
import { EventRecorder } from "../../src/testing/index.ts";
import { expectedRows, type ListingsBench, rowsOf, startBench } from "./support.ts";

let bench: ListingsBench;
beforeAll(async () => {
  bench = await startBench({ houses: 8, pageSize: 4, impatient: true });
});
afterEach(() => bench.stack.faults.clear());
afterAll(() => bench[Symbol.asyncDispose]());

const faults: readonly Fault[] = [
  { kind: "reset", phase: "before" },
  { kind: "reset", phase: "after" },
  { kind: "stall" },
  { kind: "status", status: 429 },
  { kind: "status", status: 503 },
];
const services: readonly StandInName[] = ["neon", "tinyfish", "ollama"];
const cases = services.flatMap((service) => faults.map((fault) => ({ service, fault })));
const nameOf = (fault: Fault) => Object.values(fault).join("-");

async function ordersOf(): Promise<number> {
  const { runs } = await bench.integration.tinyfish.runs.list({ limit: 100 });
  return runs.length;
}

describe("a scrape whose calls fail", () => {
  it.each(cases)("loses and doubles nothing when $service suffers $fault", async ({ service, fault }) => {
    const { stack, houses } = bench;
    const integration = bench.integrate();
    const before = await ordersOf();
    const firedBefore = stack.faults.fired(service);
    const handle = stack.faults.inject(service, fault, { times: 2, skip: 1 });
    const source = `${service}-${nameOf(fault)}`;
    const result = await integration.listings.scrape({ source, url: stack.siteUrl });

    expect(handle.fired).toBe(2);
    expect(stack.faults.fired(service) - firedBefore).toBe(2);
    expect(result).toMatchObject({ pagesScraped: 2, rejected: [] });
    expect(result).toMatchObject({ inserted: 8, updated: 0, unchanged: 0, embedded: 8 });
    expect(await rowsOf(bench.integration, source)).toMatchObject(expectedRows(houses));
    // Runs are paid for: two pages are two runs, whatever became of the answers.
    expect((await ordersOf()) - before).toBe(2);
  });

  it("survives all of them in all services at once, and breakers that open over them", async () => {
    const { stack, houses } = bench;
    const integration = bench.integrate();
    using recorder = new EventRecorder(integration.events);
    const before = await ordersOf();
    for (const service of services) {
      for (const fault of faults) stack.faults.inject(service, fault);
      stack.faults.inject(service, { kind: "status", status: 503 }, { times: 5 });
    }
    const result = await integration.listings.scrape({ source: "everything", url: stack.siteUrl });
    const opened = recorder.of("circuit.opened").map(({ service }) => service);
    expect(opened).toEqual(expect.arrayContaining(["neon", "tinyfish"]));
    expect(services.map((service) => integration.describe().breakers[service])).not.toContain("open");
    expect(result.pagesScraped).toBe(2);
    expect(await rowsOf(bench.integration, "everything")).toMatchObject(expectedRows(houses));
    expect((await ordersOf()) - before).toBe(2);
  });
});
