import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { type Scene } from "./scene.ts";
import { checkedRead, healthyAfterMs, keepReading, type Tally } from "./workload.ts";

/** Every connection goes silent for good, without a sign; new ones work again a moment later. */
export async function halfOpen({ reader, clients, calls, line, random }: Scene, count: Count): Promise<Figure[]> {
  const client = reader({ max: clients });
  const tally: Tally = { answered: 0, wrong: 0 };
  let worstMs = 0;
  for (let done = 0; done < count.run; done += 1) {
    const reading = keepReading(clients, () => checkedRead(client, calls, tally, 300));
    await new Promise((resolve) => setTimeout(resolve, 20 + 30 * random.next()));
    // Half of the times nothing is under way, and the pool is full of idle connections that only look alive.
    const isIdle = random.next() < 0.5;
    if (isIdle) await reading.stop();
    line.freeze();
    await new Promise((resolve) => setTimeout(resolve, 200 * random.next()));
    line.heal();
    worstMs = Math.max(worstMs, await healthyAfterMs(clients, client, 10_000));
    if (!isIdle) await reading.stop();
  }
  return [
    {
      name: "wrong or partial answers",
      value: tally.wrong,
      unit: "",
      atMost: 0,
      note: counted(count.run, count, "freezes"),
    },
    { name: "answered calls beside them", value: tally.answered, unit: "", atLeast: 1 },
    { name: "healthy again after the path healed, worst", value: worstMs, unit: "ms", atMost: 1_000 },
  ];
}
