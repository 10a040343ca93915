// One random scenario, its rules and what differs: node bench/proofs/monitoring/one-scenario.ts SEED
import { runOurs } from "./our-engine.ts";
import { compareWithPromtool } from "./promtool-scenarios.ts";
import { randomScenario } from "./scenario.ts";

const scenario = randomScenario(Number(process.argv[2] ?? 1));
const ours = await runOurs(scenario);
console.log(ours.rulesFile);
const differing = await compareWithPromtool([{ scenario, ours }]);
console.log(differing.get(scenario.seed) ?? `no difference in ${ours.standings.length} steps`);
