import { seededRandom } from "enhanced-integration/testing";
import { type Figure } from "../../support/report.ts";
import { BreakerPair } from "./breaker-pair.ts";
import { type Outcome, type ReferenceBreaker, type Settings } from "./reference-breaker.ts";

const COMMANDS = 1_000_000;
const SHORT_COMMANDS = 100_000;
const MOST_SHOWN = 3;

/** The circuit breaker against a reference: in every small state, and under random commands with random settings. */
export async function proveBreaker({ short }: { readonly short: boolean }): Promise<Figure[]> {
  return [smallStates(short), randomCommands(short ? SHORT_COMMANDS : COMMANDS)];
}

// Every small state: windows of up to 4 calls, up to 3 permits, up to 3 calls in flight, time in steps of 10 ms.

const TICK_MS = 10;
const MOST_IN_FLIGHT = 3;
/** From here on a break is as long as it can be, and one more opening changes nothing. */
const MOST_OPENS = 2;

const OUTCOME_EVENTS = ["success", "slow", "failure", "ignored"] as const;
type Event = "enter" | (typeof OUTCOME_EVENTS)[number] | "wait" | "isolate" | "close";

/** `late`: the outcome of a call that was let through in an earlier round. */
interface Choice {
  readonly event: Event;
  readonly late: boolean;
}

/** One way of getting somewhere: what happened last, and the way before it. */
interface Step extends Choice {
  readonly before: Step | undefined;
}

/** @param short without those ramps whose windows hold 3 or 4 calls: a fifth of the transitions */
function smallStates(short: boolean): Figure {
  let states = 0;
  let transitions = 0;
  let differences = 0;
  const all = [...smallSettings()];
  const chosen = short ? all.filter(({ rampMs, minimumCalls }) => rampMs === 0 || minimumCalls <= 2) : all;
  for (const settings of chosen) {
    const seen = new Set<string>();
    let frontier: (Step | undefined)[] = [undefined];
    while (frontier.length > 0) {
      const reached: Step[] = [];
      for (const before of frontier)
        for (const { event, late } of choices(replay(settings, before), settings)) {
          const step = { event, late, before };
          const pair = replay(settings, step);
          pair.inspect();
          transitions += 1;
          if (pair.difference !== undefined && ++differences <= MOST_SHOWN) tell(settings, step, pair.difference);
          const key = keyOf(pair, settings);
          if (seen.has(key)) continue;
          seen.add(key);
          reached.push(step);
        }
      frontier = reached;
    }
    states += seen.size;
  }
  const note =
    `${written(states)} states, ${written(transitions)} transitions by 8 events, ` +
    `with ${chosen.length} of ${all.length} settings`;
  return { name: "breaker, all small states: differences", value: differences, unit: "", atMost: 0, note };
}

function* smallSettings(): Generator<Settings> {
  for (const window of [1, 2, 3, 4])
    for (const halfOpenPermits of [1, 2, 3])
      for (const rampMs of [0, 2 * TICK_MS])
        for (const byCount of [false, true])
          yield {
            failureRatio: 0.5,
            slowRatio: 0.75,
            slowCallMs: 5,
            minimumCalls: window,
            windowCalls: byCount ? window : Infinity,
            // By age, what happened two steps ago is forgotten.
            windowMs: byCount ? TICK_MS : 2 * TICK_MS,
            halfOpenPermits,
            rampMs,
            breakMs: TICK_MS,
            maxBreakMs: 2 * TICK_MS,
            healthyMs: TICK_MS,
          };
}

/** What can happen, as far as it leads to states that are small. */
function choices({ inFlight, model, now }: BreakerPair, { minimumCalls, windowCalls }: Settings): Choice[] {
  const always: Event[] = ["wait", "isolate", "close"];
  if (inFlight.length < MOST_IN_FLIGHT) always.push("enter");
  const counting = model.phase === "closed" || model.phase === "ramping";
  const full = counting && windowCalls === Infinity && model.recent(now).length >= minimumCalls;
  const outcomes = (late: boolean) => {
    if (!inFlight.some(({ round }) => (round !== model.round) === late)) return [];
    return OUTCOME_EVENTS.filter((event) => late || !full || event === "ignored").map((event) => ({ event, late }));
  };
  return [...always.map((event) => ({ event, late: false })), ...outcomes(false), ...outcomes(true)];
}

function replay(settings: Settings, last: Step | undefined): BreakerPair {
  const steps: Step[] = [];
  for (let step = last; step; step = step.before) steps.push(step);
  const pair = new BreakerPair(settings, () => () => 0);
  for (const { event, late } of steps.reverse()) apply(pair, event, late);
  return pair;
}

function apply(pair: BreakerPair, event: Event, late: boolean): void {
  if (event === "wait") pair.wait(TICK_MS);
  else if (event === "enter" || event === "isolate" || event === "close") pair[event]();
  else {
    const index = pair.inFlight.findIndex(({ round }) => (round !== pair.model.round) === late);
    pair.leave(index, event === "slow" ? "success" : event, event === "slow" ? 6 : 1);
  }
}

/** What decides over the future, times counted from now; what no longer matters is cut. */
function keyOf({ model, inFlight, now }: BreakerPair, settings: Settings): string {
  const { phase, opens, since, until, probes, passed, credit, round } = model;
  const current = inFlight.filter((ticket) => ticket.round === round).length;
  const timed = phase === "half-open" || phase === "ramping" || (phase === "closed" && opens > 0);
  const facts = [
    phase,
    // Phases without memory of breaks count as if there had been none.
    phase === "isolated" ? 0 : Math.min(opens, MOST_OPENS),
    timed ? Math.min(now - since, phase === "closed" ? settings.healthyMs : settings.maxBreakMs) : 0,
    phase === "open" ? Math.max(0, until - now) : 0,
    ...(phase === "half-open" ? [probes, passed] : []),
    phase === "ramping" ? credit : 0,
    current,
    inFlight.length - current,
  ];
  return `${facts.join()}|${windowKey(model, now, settings)}`;
}

/** Where the window will be cleared before it counts, nothing in it matters; nor does the order in a time window. */
function windowKey(model: ReferenceBreaker, now: number, { windowCalls }: Settings): string {
  if (model.phase !== "closed" && model.phase !== "ramping") return "";
  const outcomes = model.recent(now).map(({ at, failed, slow }) => `${now - at}${failed ? "f" : slow ? "s" : "o"}`);
  return (windowCalls === Infinity ? outcomes.sort() : outcomes).join();
}

function tell(settings: Settings, last: Step, difference: string): void {
  const path: string[] = [];
  for (let step: Step | undefined = last; step; step = step.before) path.unshift(step.event);
  console.log(`  after ${path.join(", ")}: ${difference}\n    with ${JSON.stringify(settings)}`);
}

// Random commands.

const RUN = 1_000;
const OUTCOMES: readonly Outcome[] = ["success", "success", "success", "failure", "failure", "ignored"];
/** A moment, usual waits, the last millisecond of a break, a suspended machine, an hour. */
const WAITS_MS = [1, 7, 41, 100, 255, 256, 499, 500, 1_000, 600_000, 3_600_000];

function randomCommands(commands: number): Figure {
  const counts = { commands: 0, differences: 0, admitted: 0, moved: 0 };
  for (let seed = 1; counts.commands < commands; seed += 1) {
    const random = seededRandom(seed);
    const below = (bound: number) => Math.floor(random.next() * bound);
    const pick = <T>(choices: readonly T[]) => choices[below(choices.length)] as T;
    const settings = randomSettings(pick);
    // Slices of its window, too, or hardly an outcome would ever leave at the window's very end.
    const waits = [...WAITS_MS, ...[1, 2, 8, 9].map((slices) => (settings.windowMs / 10) * slices)];
    const pair = new BreakerPair(settings, () => {
      const chance = seededRandom(seed);
      return () => chance.next();
    });
    for (let command = 0; command < RUN && counts.commands < commands; command += 1) {
      const dice = below(1_000);
      const inFlight = pair.inFlight.length;
      if (dice < 400) {
        pair.enter();
        if (pair.inFlight.length > inFlight) counts.admitted += 1;
      } else if (dice < 780) pair.leave(below(inFlight), pick(OUTCOMES), pick([1, 40, 41]));
      else if (dice < 970) pair.wait(pick(waits));
      else if (dice < 980) {
        pair.move(below(2_000_000) - 1_000_000, pick([0, ...waits]));
        counts.moved += 1;
      } else if (dice < 985) pair.isolate();
      else pair.close();
      counts.commands += 1;
      // Not after every command, so that looking cannot repair what the next command needs.
      if (dice % 2 === 0) pair.look();
      if (dice % 16 === 0) pair.inspect();
      if (pair.difference === undefined) continue;
      counts.differences += 1;
      if (counts.differences <= MOST_SHOWN) console.log(`  seed ${seed}, command ${command}: ${pair.difference}`);
      break;
    }
  }
  const note =
    `${written(counts.commands)} of ${written(COMMANDS)} commands, ${written(counts.admitted)} calls let through, ` +
    `${written(counts.moved)} moves to another process`;
  return { name: "breaker, random commands: differences", value: counts.differences, unit: "", atMost: 0, note };
}

function written(count: number): string {
  return count.toLocaleString("en-US");
}

function randomSettings(pick: <T>(choices: readonly T[]) => T): Settings {
  const minimumCalls = pick([1, 2, 3, 5, 8]);
  const breakMs = pick([1, 100, 500]);
  return {
    failureRatio: pick([0.2, 0.5, 0.75, 1, 1]),
    slowRatio: pick([0.5, 1]),
    slowCallMs: pick([40, Infinity]),
    minimumCalls,
    windowCalls: pick([Infinity, minimumCalls, 8]),
    windowMs: pick([50, 1_000, 30_000]),
    halfOpenPermits: pick([1, 2, 3, 7]),
    // Powers of two, so that shares of the ramp are exact in our floating point, too.
    rampMs: pick([0, 256, 4_096]),
    breakMs,
    maxBreakMs: breakMs * pick([1, 3, 16]),
    healthyMs: pick([0, 500, 3_600_000]),
  };
}
