import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { type Scene } from "./scene.ts";
import { checkedRead, healthyAfterMs, keepReading, type Tally } from "./workload.ts";

/** Ends backends while they run a statement, one after the other: whoever else is there does not sleep. */
export async function kills({ reader, clients, calls, admin, random }: Scene, count: Count): Promise<Figure[]> {
  const client = reader({ max: clients });
  const tally: Tally = { answered: 0, wrong: 0 };
  const reading = keepReading(clients, () => checkedRead(client, calls, tally, 2_000, 20));
  const failedBefore = calls.failed;
  let killed = 0;
  while (killed < count.run) {
    const rows = await admin<{ killed: boolean }>(
      `with victim as materialized (select pid from pg_stat_activity
          where pid <> pg_backend_pid() and state = 'active' and wait_event = 'PgSleep' order by pid offset $1 limit 1)
        select pg_terminate_backend(pid, 1000) as killed from victim`,
      [Math.floor(random.next() * clients)],
    );
    if (rows[0]?.killed) killed += 1;
  }
  const healthyMs = await healthyAfterMs(clients, client, 10_000);
  await reading.stop();
  const failed = calls.failed - failedBefore;
  return [
    {
      name: "wrong or partial answers",
      value: tally.wrong,
      unit: "",
      atMost: 0,
      note: counted(killed, count, "kills"),
    },
    { name: "answered calls beside them", value: tally.answered, unit: "", atLeast: 1 },
    { name: "failed calls per kill: each was felt once", value: failed / killed, unit: "", atLeast: 0.9, atMost: 1.1 },
    { name: "healthy again after the last", value: healthyMs, unit: "ms", atMost: 1_000 },
  ];
}
