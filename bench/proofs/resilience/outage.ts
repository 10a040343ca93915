import { createIntegration, type Integration, type IntegrationOverrides } from "enhanced-integration";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { textTable } from "../../support/text-table.ts";
import { FailingService, type ServiceName } from "./failing-service.ts";
import { callOnce, environmentOf, names } from "./real-clients.ts";

/** Per service; their sum stays below what the whole integration lets out at a time. */
const IN_FLIGHT = 16;

/** A pool that is offline asks after waits of a quarter to half a second, a little sooner at first. */
const ASKS_PER_SECOND = 5;
/** A rate of less time is chance. */
const FAIR_SECONDS = 1;

interface Scenario {
  readonly name: string;
  /** Of the requests that reach a service, how many fail. */
  readonly failureShare: number;
  readonly breaker: boolean;
  /** Requests at the server for each call. */
  readonly atMost: number;
}

const scenarios: readonly Scenario[] = [
  { name: "full outage, breaker working", failureShare: 1, breaker: true, atMost: 1.1 },
  { name: "full outage, retry budget alone", failureShare: 1, breaker: false, atMost: 1.1 },
  { name: "half of the requests fail, retry budget alone", failureShare: 0.5, breaker: false, atMost: 1.25 },
  { name: "a tenth of the requests fails, retry budget alone", failureShare: 0.1, breaker: false, atMost: 1.12 },
];

/** How many requests reach failing services for each call made, through the real clients, counted at the servers. */
export async function outage(perService: Count): Promise<Figure[]> {
  const calls = { run: perService.run * names.length, full: perService.full * names.length };
  const services = names.map((name, seed) => new FailingService(name, seed));
  const figures: Figure[] = [];
  const rows: string[][] = [];
  let fewest = Infinity;
  let oftenest = 0;
  try {
    const hosts = await Promise.all(services.map((service) => service.start()));
    for (const scenario of scenarios) {
      const counts = await runScenario(scenario, services, hosts, perService.run);
      const perCall = counts.map(({ requests }) => requests / perService.run);
      rows.push([scenario.name, ...counts.map(({ requests, succeeded }) => `${requests} (${succeeded})`)]);
      fewest = Math.min(fewest, ...counts.map(({ requests }) => requests));
      oftenest = Math.max(oftenest, ...counts.map(({ perSecondAfter }) => perSecondAfter));
      figures.push({
        name: `${scenario.name}: requests per call, of the worst service`,
        value: Math.max(...perCall),
        unit: "",
        atMost: scenario.atMost,
        note: counted(calls.run, calls, "calls"),
      });
    }
  } finally {
    await Promise.all(services.map((service) => service.close()));
  }
  const head = `requests at the server (calls that succeeded), of ${perService.run.toLocaleString("en-US")} calls each`;
  console.log(textTable([head, ...names], rows));
  return [
    ...figures,
    { name: "fewest requests at any service in any of them", value: fewest, unit: "requests", atLeast: 1 },
    // The Neon pool asks for its database until it is back; while callers do, they ask in its place.
    {
      name: "after a service's calls: requests of our own, a second",
      value: oftenest,
      unit: "",
      atMost: ASKS_PER_SECOND,
    },
  ];
}

interface Tally {
  /** From the first to the last of the service's calls. */
  readonly requests: number;
  readonly succeeded: number;
  /** Requests while only other services were called. */
  readonly perSecondAfter: number;
}

async function runScenario(
  { failureShare, breaker }: Scenario,
  services: readonly FailingService[],
  hosts: readonly string[],
  callsPerService: number,
): Promise<Tally[]> {
  for (const service of services) service.fail(0);
  const integration = createIntegration(environmentOf(hosts), overridesOf(breaker));
  try {
    // Clients look around at their first call; only then does the outage begin.
    for (const { name } of services) await callOnce[name](integration, -1);
    for (const service of services) service.fail(failureShare);
    const done = await Promise.all(
      services.map(async (service) => {
        const succeeded = await manyCalls(integration, service.name, callsPerService);
        return { service, succeeded, requests: service.requests, at: performance.now() };
      }),
    );
    const end = performance.now();
    return done.map(({ service, succeeded, requests, at }) => ({
      ...{ succeeded, requests },
      perSecondAfter: (service.requests - requests) / Math.max(FAIR_SECONDS, (end - at) / 1_000),
    }));
  } finally {
    await integration.close();
  }
}

/** @returns how many succeeded */
async function manyCalls(integration: Integration, name: ServiceName, count: number): Promise<number> {
  let next = 0;
  let succeeded = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      const ok = await callOnce[name](integration, index).then(
        () => true,
        () => false,
      );
      if (ok) succeeded += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return succeeded;
}

/** Waits are cut to milliseconds, so that ten thousand calls take seconds; how many are made is left alone. */
function overridesOf(breaker: boolean): IntegrationOverrides {
  const policy = {
    baseDelayMs: 1,
    maxDelayMs: 2,
    breaker: breaker ? { breakMs: 20, maxBreakMs: 100 } : (false as const),
  };
  return { policies: Object.fromEntries(names.map((name) => [name, policy])) };
}
