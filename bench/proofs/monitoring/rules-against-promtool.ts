import { type Figure } from "../../support/report.ts";
import { type Count } from "../../support/count.ts";
import { runOurs, type OurRun } from "./our-engine.ts";
import { compareWithPromtool } from "./promtool-scenarios.ts";
import { randomScenario, type Scenario } from "./scenario.ts";

const FIRST_SEED = 1;
/** Files that one promtool run reads. */
const BATCH = 50;

/** Random rules over random series, through our engine and through Prometheus: every alert's state at every step. */
export async function rulesAgainstPromtool({ run, full }: Count): Promise<Figure[]> {
  const clean: { scenario: Scenario; ours: OurRun }[] = [];
  const faulty: typeof clean = [];
  for (let seed = FIRST_SEED; clean.length < run; seed += 1) {
    const scenario = randomScenario(seed);
    const ours = await runOurs(scenario);
    (ours.faults === 0 ? clean : faulty).push({ scenario, ours });
  }
  const last = Math.max(...[...clean, ...faulty].map(({ scenario }) => scenario.seed));
  console.log(`  seeds ${FIRST_SEED} to ${last}; a single one: node bench/proofs/monitoring/one-scenario.ts SEED`);
  const differing = new Map<number, string>();
  for (let i = 0; i < clean.length; i += BATCH)
    for (const [seed, text] of await compareWithPromtool(clean.slice(i, i + BATCH))) differing.set(seed, text);
  for (const [seed, text] of [...differing].slice(0, 3)) console.log(`  seed ${seed}: ${text.slice(0, 1_500)}`);
  // A rule that we cannot evaluate (series without a single partner) must be one that Prometheus cannot either.
  const refused = faulty.length === 0 ? new Map<number, string>() : await compareWithPromtool(faulty);
  const sharedFaults = [...refused.values()].filter((text) => /duplicate series|many-to-one|same labelset/.test(text));
  const sum = (value: (entry: (typeof clean)[number]) => number) =>
    clean.reduce((total, entry) => total + value(entry), 0);
  return [
    { name: `random scenarios (full form ${full})`, value: clean.length, unit: "scenarios", atLeast: run },
    { name: "alert states compared", value: sum(({ ours }) => ours.standings.length), unit: "steps" },
    { name: "transitions in them", value: sum(({ ours }) => ours.transitions), unit: "transitions", atLeast: run },
    { name: "scenarios with a differing transition or text", value: differing.size, unit: "scenarios", atMost: 0 },
    {
      name: "rules refused by us and not by Prometheus",
      value: faulty.length - sharedFaults.length,
      unit: "scenarios",
      atMost: 0,
      note: `of ${faulty.length}`,
    },
  ];
}
