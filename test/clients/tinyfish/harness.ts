import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { TinyFishClient, type TinyFishClientOptions } from "../../../src/clients/tinyfish/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { startTinyFishStandIn, type TinyFishStandInOptions } from "../../../src/local/tinyfish/index.ts";
import { type ManualClock } from "../../../src/testing/index.ts";
import { sampleHouses } from "../../local/tinyfish/sample-houses.ts";

/** What the tests ask a listing page for. */
export const listings = z.object({
  listings: z.array(
    z.object({
      sourceKey: z.string(),
      price: z.number(),
      waterfront: z.boolean(),
      yearRenovated: z.int().nullable(),
      url: z.url(),
    }),
  ),
  totalPages: z.int(),
});

/** The real client against the real stand-in. Everything is closed when the test is over. */
export async function startClient(
  options: Partial<TinyFishClientOptions> = {},
  standInOptions: TinyFishStandInOptions = {},
) {
  const faults = new FaultPlan();
  const standIn = await startTinyFishStandIn({
    houses: await sampleHouses(45),
    stepDelayMs: 0,
    faults,
    ...standInOptions,
  });
  const client = new TinyFishClient({
    apiKey: standIn.env.TINYFISH_API_KEY,
    baseUrl: standIn.env.TINYFISH_API_URL,
    minPollMs: 1,
    reconcileWaitsMs: [0, 0],
    ...options,
  });
  onTestFinished(async () => {
    await client.close({ timeoutMs: 0 });
    await standIn.close();
  });
  return { client, standIn, faults, page: `${standIn.siteUrl}/listings` };
}

/** A site that never answers: it keeps a run in its first step for as long as a test needs. */
export async function startSilentSite() {
  let visits = 0;
  let onVisit: () => void = () => undefined;
  const server = createServer(() => {
    visits += 1;
    onVisit();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const visited = (count = 1) =>
    new Promise<void>((resolve) => {
      onVisit = () => visits >= count && resolve();
      onVisit();
    });
  return { url, visited, close };
}

/** Real sockets beside a manual clock: gives the sockets a turn, then the clock some time, until the promise settles. */
export async function pump<T>(clock: ManualClock, promise: Promise<T>, stepMs = 100): Promise<T> {
  let settled = false;
  const done = () => void (settled = true);
  promise.then(done, done);
  while (!settled) {
    for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
    if (!settled) await clock.advance(stepMs);
  }
  return promise;
}
