import { getEventListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createIntegration, IntegrationError } from "enhanced-integration";
import { seededRandom } from "enhanced-integration/testing";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { FailingService } from "./failing-service.ts";
import { callOnce, environmentOf, names } from "./real-clients.ts";

const IN_FLIGHT = 16;
const LATEST_ABORT_MS = 8;
/** What is let go of is gone within the clients' own ticks; a leak stays for as long as anybody looks. */
const SETTLED_WITHIN_MS = 5_000;

/** Calls of the real clients over sockets to services that never answer, each aborted at a random moment. */
export async function socketAborts(count: Count): Promise<Figure[]> {
  const services = names.map((name, seed) => new FailingService(name, seed));
  const hosts = await Promise.all(services.map((service) => service.start()));
  const before = timersNow();
  const integration = createIntegration(environmentOf(hosts), {
    logTo: "stderr",
    policies: Object.fromEntries(names.map((name) => [name, { breaker: false as const }])),
  });
  const random = seededRandom(7);
  // The signal of a host's request: it has not fired, and outlives the calls, so that it shows who left a listener.
  const request = new AbortController();
  const ends = new Map<string, number>();
  let next = 0;
  const worker = async () => {
    while (next < count.run) {
      const index = next++;
      const controller = new AbortController();
      const call = callOnce[names[index % names.length] ?? "neon"];
      const timer = setTimeout(() => controller.abort(), random.next() * LATEST_ABORT_MS);
      const end = await call(integration, index, { signal: controller.signal }).then(
        () => "answered",
        (error: unknown) => (IntegrationError.isInstance(error) ? error.code : nameOf(error)),
      );
      clearTimeout(timer);
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
  };
  try {
    for (const name of names) await callOnce[name](integration, -1);
    for (const service of services) service.fallSilent();
    await integration.scopes.run({ signal: request.signal }, () =>
      Promise.all(Array.from({ length: IN_FLIGHT }, worker)),
    );
    await integration.close();
    const open = () => services.reduce((sum, service) => sum + service.open, 0);
    await until(() => open() === 0 && timersNow() <= before);
    console.log(`  ${[...ends].map(([end, calls]) => `${end}: ${calls.toLocaleString("en-US")}`).join(", ")}`);
    return [
      { name: "requests left open at the services", value: open(), unit: "", atMost: 0 },
      { name: "timers left in the process", value: Math.max(0, timersNow() - before), unit: "", atMost: 0 },
      {
        name: "listeners left on the request's signal",
        value: getEventListeners(request.signal, "abort").length,
        unit: "",
        atMost: 0,
        note: `after ${counted(ends.get("ABORTED") ?? 0, count, "aborts")}`,
      },
    ];
  } finally {
    await Promise.all(services.map((service) => service.close()));
  }
}

function timersNow(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
}

async function until(done: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + SETTLED_WITHIN_MS;
  while (!done() && performance.now() < giveUpAt) await sleep(20);
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : String(error));
