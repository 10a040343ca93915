import { createIntegration, type Integration } from "enhanced-integration";
import { ManualClock, seededRandom } from "enhanced-integration/testing";
import { wideOpenEnvironment } from "../../support/environment.ts";
import { type Figure } from "../../support/report.ts";
import { textTable } from "../../support/text-table.ts";
import { type Manners, QuotaService } from "./quota-service.ts";

/** Requests a second that the service takes, phase by phase. */
const QUOTAS = [100, 10, 50] as const;
/** What a caller may take to find out. */
const LEARNING_MS = 5_000;
const STEP_MS = 5;
/** Callers that always want one more: at each quota there are more of them than it admits. */
const CALLERS = 24;

interface Kind extends Manners {
  readonly name: string;
  /**
   * A refusal without a quota, but with a pause of a second, makes asking for more cost what it could gain: no pace both
   * uses 95 % of the quota and finds a raised one within seconds. Shown, and held to no target.
   */
  readonly asksInVain?: true;
}

const kinds: readonly Kind[] = [
  { name: "RateLimit and Retry-After", rateLimit: true, retryAfter: true },
  { name: "RateLimit alone", rateLimit: true, retryAfter: false },
  { name: "Retry-After alone", rateLimit: false, retryAfter: true, asksInVain: true },
  { name: "a bare 429", rateLimit: false, retryAfter: false },
];

interface Phase {
  /** After the time for learning: answers of the quota, and refusals of all requests. */
  readonly goodput: number;
  readonly refusedShare: number;
  /** From the first moment. */
  readonly refusedShareInAll: number;
}

/** A service changes its quota, and says so or not: how much of it is used, and how much is sent in vain. */
export async function quotaChanges(phaseMs: number): Promise<Figure[]> {
  const rows: string[][] = [];
  const figures: Figure[] = [];
  for (const kind of kinds) {
    const { phases, early } = await run(kind, phaseMs);
    rows.push([kind.name, ...phases.map(written)]);
    figures.push(
      {
        name: `${kind.name}: goodput of the quota, worst phase`,
        value: Math.min(...phases.map(({ goodput }) => goodput)),
        unit: "",
        ...(kind.asksInVain ? {} : { atLeast: 0.95 }),
      },
      {
        name: `${kind.name}: share of 429, worst phase`,
        value: Math.max(...phases.map(({ refusedShare }) => refusedShare)),
        unit: "",
        ...(kind.asksInVain ? {} : { atMost: 0.02 }),
      },
      { name: `${kind.name}: requests before Retry-After was over`, value: early, unit: "requests", atMost: 0 },
    );
  }
  const head = "goodput, share of 429 after 5 s (in all)";
  console.log(textTable([head, ...QUOTAS.map((quota) => `${quota} a second`)], rows));
  return figures;
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const written = ({ goodput, refusedShare, refusedShareInAll }: Phase) =>
  `${percent(goodput)}, ${percent(refusedShare)} (${percent(refusedShareInAll)})`;

async function run(manners: Manners, phaseMs: number): Promise<{ phases: Phase[]; early: number }> {
  const clock = new ManualClock();
  const integration = createIntegration(
    { ...wideOpenEnvironment, LOG_LEVEL: "silent" },
    { clock, random: seededRandom(1) },
  );
  const service = new QuotaService(manners, clock, QUOTAS[0]);
  const stop = new AbortController();
  const callers = Array.from({ length: CALLERS }, () => callUntil(integration, service, stop.signal));
  const phases: Phase[] = [];
  for (const quota of QUOTAS) {
    service.perSecond = quota;
    const begin = countsOf(service);
    await pass(clock, LEARNING_MS);
    const learned = countsOf(service);
    await pass(clock, phaseMs - LEARNING_MS);
    const end = countsOf(service);
    phases.push({
      goodput: (end.accepted - learned.accepted) / ((quota * (phaseMs - LEARNING_MS)) / 1_000),
      refusedShare: refusedBetween(learned, end),
      refusedShareInAll: refusedBetween(begin, end),
    });
  }
  stop.abort();
  await clock.advance(60_000);
  await Promise.all(callers);
  const closed = integration.close({ timeoutMs: 1 });
  await clock.advance(60_000);
  await closed;
  return { phases, early: service.early };
}

async function callUntil(integration: Integration, { fetch }: QuotaService, signal: AbortSignal): Promise<void> {
  const guarded = integration.outbound.learn(fetch, () => "crm");
  const ask = async () => {
    const { status } = await guarded("https://crm.example/houses");
    if (status !== 200) throw Object.assign(new Error("too many requests"), { status });
  };
  const spec = { service: "crm", operation: "list", idempotent: true, deadlineMs: 60_000, signal };
  while (!signal.aborted) await integration.call(spec, ask).catch(() => undefined);
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) await clock.advance(STEP_MS);
}

const countsOf = ({ accepted, refused }: QuotaService) => ({ accepted, refused });

type Counts = ReturnType<typeof countsOf>;

function refusedBetween(from: Counts, to: Counts): number {
  const refused = to.refused - from.refused;
  return refused / Math.max(1, refused + to.accepted - from.accepted);
}
