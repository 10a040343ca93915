import { AlertEngine } from "../../../src/monitoring/alerts/alert-engine.ts";
import { type SeriesSource } from "../../../src/monitoring/alerts/history/series-source.ts";
import { SampleHistory } from "../../../src/monitoring/alerts/history/sample-history.ts";
import { type ActiveAlert } from "../../../src/monitoring/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { type Scenario } from "./scenario.ts";

/** What stood at one evaluation. */
export interface Standing {
  readonly at: number;
  readonly alerts: readonly ActiveAlert[];
}

export interface OurRun {
  readonly standings: readonly Standing[];
  readonly transitions: number;
  readonly rulesFile: string;
  /** Rules that could not be evaluated at some step: Prometheus could not either. */
  readonly faults: number;
}

/** Runs a scenario through our engine: each sample at its time, each evaluation at its own. */
export async function runOurs(scenario: Scenario): Promise<OurRun> {
  const clock = new ManualClock({ wallNow: 0 });
  const source: SeriesSource = { resolve: (name) => name, read: () => [], names: () => [], isHistogram: () => false };
  const held = new SampleHistory({ resolve: (name) => name, maxSamples: 10_000_000 });
  let next = 0;
  const history = {
    track: held.track.bind(held),
    instant: held.instant.bind(held),
    range: held.range.bind(held),
    record(at: number) {
      for (; next * scenario.intervalMs <= at; next += 1)
        for (const { name, labels, points } of scenario.series) {
          const point = points[next] ?? "absent";
          if (point !== "absent")
            held.push(name, labels, next * scenario.intervalMs, point === "stale" ? undefined : point);
        }
      held.prune(at);
    },
  };
  let faults = 0;
  const engine = new AlertEngine({ source, history, clock, onFault: () => (faults += 1) });
  for (const [name, options] of Object.entries(scenario.rules)) engine.add(name, options);
  const standings: Standing[] = [];
  let transitions = 0;
  for (let step = 0; step <= scenario.steps; step += 1) {
    transitions += engine.check().length;
    standings.push({ at: clock.now(), alerts: engine.active() });
    await clock.advance(scenario.evaluationMs);
  }
  return { standings, transitions, rulesFile: engine.prometheusRules(), faults };
}
