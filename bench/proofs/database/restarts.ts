import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { type Scene } from "./scene.ts";
import { checkedRead, healthyAfterMs, keepReading, type Tally } from "./workload.ts";

/** Stops the server under load, in order or like a power cut, and starts it again. */
export async function restarts({ reader, clients, calls, postgres, random }: Scene, count: Count): Promise<Figure[]> {
  const client = reader({ max: clients });
  const tally: Tally = { answered: 0, wrong: 0 };
  const reading = keepReading(clients, () => checkedRead(client, calls, tally, 1_000, 5));
  let worstMs = 0;
  for (let done = 0; done < count.run; done += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20 + 80 * random.next()));
    await postgres.stop(random.next() < 0.5 ? "crash" : "fast");
    await new Promise((resolve) => setTimeout(resolve, 100 * random.next()));
    await postgres.begin();
    worstMs = Math.max(worstMs, await healthyAfterMs(clients, client, 10_000));
  }
  await reading.stop();
  return [
    {
      name: "wrong or partial answers",
      value: tally.wrong,
      unit: "",
      atMost: 0,
      note: counted(count.run, count, "restarts"),
    },
    { name: "answered calls beside them", value: tally.answered, unit: "", atLeast: 1 },
    { name: "healthy again after a restart, worst", value: worstMs, unit: "ms", atMost: 2_000 },
  ];
}
