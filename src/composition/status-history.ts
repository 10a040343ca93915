import { type Clock, type EventBus, type TimerHandle } from "../core/index.ts";
import { LatencyCounts } from "./latency-counts.ts";
import { type StatusSeries, type Traffic } from "./status-snapshot.ts";

/** 15 minutes in steps of 5 s. */
const STEP_MS = 5_000;
const STEPS = 180;
/** Services and limits are few; names made up per request share one entry. */
const MAX_NAMES = 50;
const OTHERS = "(others)";

export interface PoolGauges {
  readonly lent: number;
  readonly idle: number;
  readonly waiting: number;
}

interface Tally {
  calls: number;
  errors: number;
  retries: number;
  readonly durations: LatencyCounts;
}

/** What happened within one step. */
interface Step {
  at: number;
  pool: PoolGauges;
  readonly services: Map<string, Tally>;
  readonly refused: Map<string, number>;
  readonly waited: Map<string, number>;
}

/** The recent past in a bounded ring, from events. Its timer holds no process; listening costs a call some 100 ns. */
export class StatusHistory {
  readonly #clock: Clock;
  readonly #events: EventBus;
  readonly #pool: () => PoolGauges;
  readonly #names = { services: new Set<string>(), limits: new Set<string>() };
  #past: Step[] = [];
  #current: Step;
  #timer: TimerHandle | undefined;
  #startedAt: number | undefined;
  #unsubscribe: (() => void)[] = [];

  constructor(options: { readonly clock: Clock; readonly events: EventBus; readonly pool: () => PoolGauges }) {
    this.#clock = options.clock;
    this.#events = options.events;
    this.#pool = options.pool;
    this.#current = this.#begin();
  }

  /** Begins to listen. Idempotent. */
  start(): void {
    if (this.#startedAt !== undefined) return;
    this.#startedAt = this.#clock.now();
    const events = this.#events;
    this.#unsubscribe = [
      events.on("call.finished", ({ service, outcome, durationMs }) => {
        const tally = this.#tally(service);
        tally.calls += 1;
        if (outcome === "error") tally.errors += 1;
        tally.durations.add(durationMs);
      }),
      events.on("retry.scheduled", ({ service }) => void (this.#tally(service).retries += 1)),
      events.on("limit.refused", ({ limit }) => this.#count(this.#current.refused, limit)),
      events.on("limit.waited", ({ limit }) => this.#count(this.#current.waited, limit)),
    ];
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  /** How far back it goes, ms. */
  get windowMs(): number {
    return this.#startedAt === undefined ? 0 : Math.min(STEPS * STEP_MS, this.#clock.now() - this.#startedAt);
  }

  /** By service, over the window; the step that is under way included. */
  totals(): Map<string, Traffic> {
    const sums = new Map<string, Tally>();
    for (const { services } of [...this.#past, this.#current])
      for (const [name, tally] of services) {
        const sum = sums.get(name) ?? emptyTally();
        sums.set(name, sum);
        sum.calls += tally.calls;
        sum.errors += tally.errors;
        sum.retries += tally.retries;
        sum.durations.merge(tally.durations);
      }
    return new Map([...sums].map(([name, sum]) => [name, trafficOf(sum)]));
  }

  /** How often a limit refused and made wait, over the window. */
  limit(name: string): { readonly refused: number; readonly waited: number } {
    const steps = [...this.#past, this.#current];
    const sum = (of: "refused" | "waited") => steps.reduce((total, step) => total + (step[of].get(name) ?? 0), 0);
    return { refused: sum("refused"), waited: sum("waited") };
  }

  /** @param since only steps that ended later, ms since the epoch */
  series(since = -Infinity): StatusSeries {
    const steps = this.#past.filter(({ at }) => at > since);
    const columns = (name: string) => {
      const rows = steps.map(({ services }) => trafficOf(services.get(name)));
      return {
        calls: rows.map(({ calls }) => calls),
        errors: rows.map(({ errors }) => errors),
        retries: rows.map(({ retries }) => retries),
        p50Ms: rows.map(({ p50Ms }) => p50Ms),
        p95Ms: rows.map(({ p95Ms }) => p95Ms),
        p99Ms: rows.map(({ p99Ms }) => p99Ms),
      };
    };
    return {
      stepMs: STEP_MS,
      steps: STEPS,
      times: steps.map(({ at }) => at),
      services: Object.fromEntries([...this.#names.services].map((name) => [name, columns(name)])),
      pool: {
        lent: steps.map(({ pool }) => pool.lent),
        idle: steps.map(({ pool }) => pool.idle),
        waiting: steps.map(({ pool }) => pool.waiting),
      },
    };
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(() => this.#turn(), STEP_MS, { keepAlive: false });
  }

  #turn(): void {
    this.#current.at = this.#clock.wallNow();
    this.#current.pool = this.#pool();
    this.#past = [...this.#past.slice(1 - STEPS), this.#current];
    this.#current = this.#begin();
    this.#schedule();
  }

  #begin(): Step {
    return {
      at: Infinity,
      pool: { lent: 0, idle: 0, waiting: 0 },
      services: new Map(),
      refused: new Map(),
      waited: new Map(),
    };
  }

  #tally(service: string): Tally {
    const name = bounded(this.#names.services, service);
    let tally = this.#current.services.get(name);
    if (!tally) this.#current.services.set(name, (tally = emptyTally()));
    return tally;
  }

  #count(counts: Map<string, number>, limit: string): void {
    const name = bounded(this.#names.limits, limit);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}

function bounded(names: Set<string>, name: string): string {
  if (names.has(name)) return name;
  const kept = names.size < MAX_NAMES ? name : OTHERS;
  names.add(kept);
  return kept;
}

const emptyTally = (): Tally => ({ calls: 0, errors: 0, retries: 0, durations: new LatencyCounts() });

const silence: Traffic = { calls: 0, errors: 0, retries: 0, p50Ms: null, p95Ms: null, p99Ms: null };

function trafficOf(tally: Tally | undefined): Traffic {
  if (!tally) return silence;
  const { calls, errors, retries, durations } = tally;
  const [p50Ms, p95Ms, p99Ms] = durations.quantiles([0.5, 0.95, 0.99]) as [number | null, number | null, number | null];
  return { calls, errors, retries, p50Ms, p95Ms, p99Ms };
}

/** Nothing was called. */
export const noTraffic = silence;
