import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { type Scene } from "./scene.ts";
import { checkedRead, healthyAfterMs, type Tally } from "./workload.ts";

/** The answer of {@link checkedRead} is some 10 kB: the cut falls before, within and behind it. */
const ANSWER_BYTES = 10_500;

/** Cuts the connection while an answer is on its way, at every place that the seed chooses. */
export async function resets({ reader, calls, line, random }: Scene, count: Count): Promise<Figure[]> {
  const client = reader({ max: 4 });
  const tally: Tally = { answered: 0, wrong: 0 };
  let cut = 0;
  let worstMs = 0;
  while (cut < count.run) {
    await client.query("select 1", [], { deadlineMs: 5_000 });
    line.cutAfter(1 + Math.floor(random.next() * ANSWER_BYTES));
    const before = tally.answered;
    await checkedRead(client, calls, tally, 1_000);
    line.cutAfter(Infinity); // one that would have come behind the answer is not for the next
    if (tally.answered > before) continue;
    cut += 1;
    worstMs = Math.max(worstMs, await healthyAfterMs(1, client, 10_000));
  }
  return [
    { name: "wrong or partial answers", value: tally.wrong, unit: "", atMost: 0, note: counted(cut, count, "resets") },
    { name: "healthy again after a reset, worst", value: worstMs, unit: "ms", atMost: 1_000 },
  ];
}
