import { type NeonClient } from "enhanced-integration";
import { FaultPlan, startLocalStack } from "enhanced-integration/local";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { type Scene } from "./scene.ts";

type Way = readonly [name: string, start: (text: string, signal: AbortSignal) => Promise<unknown>];

/** Aborts calls whose statement runs at the server, and watches when it is gone there. */
export async function cancellation(scene: Scene, count: Count): Promise<Figure[]> {
  // The local Neon speaks HTTP and WebSocket in front of the same server.
  await using stack = await startLocalStack({
    engine: "postgres",
    postgresUrl: scene.postgres.connectionString,
    faults: new FaultPlan(),
  });
  const direct = scene.client();
  const neon = scene.client({ connectionString: stack.env["NEON_CONNECTION_STRING"]!, transport: "websocket" });
  const statement = (one: NeonClient) => (text: string, signal: AbortSignal) => one.query(text, [], { signal });
  const transaction = (one: NeonClient) => (text: string, signal: AbortSignal) =>
    one.transaction((tx) => tx.query(text), { signal });
  const ways: readonly Way[] = [
    ["TCP, statement", statement(direct)],
    ["TCP, in a transaction", transaction(direct)],
    ["HTTP, statement", statement(neon)],
    ["WebSocket, in a transaction", transaction(neon)],
  ];
  const figures: Figure[] = [];
  for (const [at, [name, start]] of ways.entries()) {
    let worstMs = 0;
    for (let round = 0; round < count.run; round += 1)
      worstMs = Math.max(worstMs, await goneAfterMs(scene, `select pg_sleep(60) /* ${at} ${round} */`, start));
    const note = counted(count.run, count, "aborts");
    figures.push({
      name: `${name}: gone from the server after an abort, worst`,
      value: worstMs,
      unit: "ms",
      atMost: 500,
      note,
    });
  }
  return figures;
}

async function goneAfterMs({ admin, calls }: Scene, text: string, start: Way[1]): Promise<number> {
  const isActive = async () =>
    (
      await admin<{ n: number }>(
        "select count(*)::int as n from pg_stat_activity where state = 'active' and query = $1",
        [text],
      )
    )[0]!.n > 0;
  const caller = new AbortController();
  const call = calls.make(10_000, () => start(text, caller.signal));
  while (!(await isActive()));
  const began = performance.now();
  caller.abort();
  while ((await isActive()) && performance.now() - began < 5_000);
  const ms = performance.now() - began;
  await call;
  return ms;
}
