import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { type Scene } from "./scene.ts";
import { checkedRead, healthyAfterMs, type Tally } from "./workload.ts";

const MAX = 4;
const CALLERS = 60;
const WAIT_MS = 150;

/** Fifteen times as many callers as connections, each wanting one for longer than the others may wait. */
export async function exhaustion({ reader, pools, calls }: Scene, count: Count): Promise<Figure[]> {
  const client = reader({ max: MAX, connectionTimeoutMs: WAIT_MS });
  const tally: Tally = { answered: 0, wrong: 0 };
  let most = 0;
  let worstMs = 0;
  for (let round = 0; round < count.run; round += 1) {
    const all = Array.from({ length: CALLERS }, () => checkedRead(client, calls, tally, 1_000, 100));
    const watch = setInterval(() => (most = Math.max(most, pools[0]!.stats().total)), 5);
    await Promise.all(all);
    clearInterval(watch);
    worstMs = Math.max(worstMs, await healthyAfterMs(MAX, client, 10_000));
  }
  const refused = calls.codes.get("QUEUE_FULL") ?? 0;
  return [
    {
      name: "wrong or partial answers",
      value: tally.wrong,
      unit: "",
      atMost: 0,
      note: counted(count.run, count, "rounds"),
    },
    { name: "connections at most", value: most, unit: "", atMost: MAX, atLeast: MAX },
    { name: "callers refused with QUEUE_FULL, per round", value: refused / count.run, unit: "", atLeast: 1 },
    { name: "calls answered, per round", value: tally.answered / count.run, unit: "", atLeast: MAX },
    { name: "healthy again after it, worst", value: worstMs, unit: "ms", atMost: 1_000 },
  ];
}
