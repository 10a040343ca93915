import { type NeonClient } from "enhanced-integration";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { isInDoubt } from "./calls.ts";
import { disturb, type Disturbances } from "./disturb.ts";
import { type Scene } from "./scene.ts";

type Transaction = Parameters<Parameters<NeonClient["transaction"]>[0]>[0];

const CLIENTS = 20;
const ACCOUNTS = 10;
const DEADLINE_MS = 1_500;

/** What the clients believe: held against the tables at the end. */
interface Ledger {
  /** Transfers that were answered, at whatever attempt, by key. */
  readonly ackedKeys: Set<string>;
  /** Appends that were answered, that failed for certain, and that nobody knows of. */
  readonly acked: Set<string>;
  readonly failed: Set<string>;
  readonly inDoubt: Set<string>;
}

/**
 * Twenty clients move money and append to lists while everything breaks. Transfers carry a key and are repeated until
 * answered; appends carry none and are made once.
 */
export async function transactions(scene: Scene, seconds: Count): Promise<Figure[]> {
  const { client, admin } = scene;
  await admin(`create table accounts (id int primary key, balance int not null);
    insert into accounts select n, 1000 from generate_series(0, ${ACCOUNTS - 1}) n;
    create table transfers (key text primary key);
    create table lists (id int primary key, items text[] not null default '{}');
    insert into lists select n from generate_series(0, ${CLIENTS - 1}) n`);
  const neon = client({ max: 10 });
  const ledger: Ledger = { ackedKeys: new Set(), acked: new Set(), failed: new Set(), inDoubt: new Set() };
  let isOver = false;
  const work = Array.from({ length: CLIENTS }, (_, id) => workAs(scene, neon, ledger, id, () => isOver));
  const disturbances = await disturb(scene, seconds.run * 1_000).finally(() => (isOver = true));
  await Promise.all(work);
  return [...(await judge(scene, ledger)), ...told(disturbances, seconds)];
}

async function workAs(
  scene: Scene,
  neon: NeonClient,
  ledger: Ledger,
  id: number,
  isOver: () => boolean,
): Promise<void> {
  const run = (work: (tx: Transaction) => Promise<void>) =>
    scene.calls.make(DEADLINE_MS, (deadlineMs) => neon.transaction(work, { deadlineMs }));
  for (let n = 0; !isOver(); n += 1) {
    const key = `${id}-${n}`;
    const from = Math.floor(scene.random.next() * ACCOUNTS);
    const to = (from + 1 + Math.floor(scene.random.next() * (ACCOUNTS - 1))) % ACCOUNTS;
    for (let isDone = false; !isDone;) {
      const outcome = await run((tx) => transfer(tx, key, from, to));
      isDone = outcome.ok;
      if (outcome.ok) ledger.ackedKeys.add(key);
      else await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const append = await run(async (tx) => {
      await tx.query("update lists set items = items || $2::text where id = $1", [id, key]);
    });
    (append.ok ? ledger.acked : isInDoubt(append.error) ? ledger.inDoubt : ledger.failed).add(key);
  }
}

async function transfer(tx: Transaction, key: string, from: number, to: number): Promise<void> {
  const { rowCount } = await tx.query("insert into transfers values ($1) on conflict do nothing", [key]);
  if (rowCount === 0) return; // an earlier attempt's answer was lost
  for (const [account, amount] of [[from, -1] as const, [to, 1] as const].sort(([a], [b]) => a - b))
    await tx.query("update accounts set balance = balance + $2 where id = $1", [account, amount]);
}

async function judge({ admin, line, calls }: Scene, ledger: Ledger): Promise<Figure[]> {
  const [money] = await admin<{ sum: number }>("select sum(balance)::int as sum from accounts");
  const keys = new Set((await admin<{ key: string }>("select key from transfers")).map(({ key }) => key));
  const items = (await admin<{ item: string }>("select unnest(items) as item from lists")).map(({ item }) => item);
  const present = new Set(items);
  const missing = [...ledger.ackedKeys].filter((key) => !keys.has(key)).length;
  const lost = [...ledger.acked].filter((key) => !present.has(key)).length;
  const happened = [...ledger.failed].filter((key) => present.has(key)).length;
  const unknown = calls.codes.get("OUTCOME_UNKNOWN") ?? 0;
  const of = (count: number, what: string) => `of ${count.toLocaleString("en-US")} ${what}`;
  return [
    {
      name: "acknowledged transfers lost",
      value: missing,
      unit: "",
      atMost: 0,
      note: of(ledger.ackedKeys.size, "transfers"),
    },
    {
      name: "money made or lost: no transfer halved or doubled",
      value: Math.abs(money!.sum - 1_000 * ACCOUNTS),
      unit: "",
      atMost: 0,
    },
    {
      name: "transfers that nobody asked to be there",
      value: keys.size - ledger.ackedKeys.size + missing,
      unit: "",
      atMost: 0,
    },
    { name: "acknowledged appends lost", value: lost, unit: "", atMost: 0, note: of(ledger.acked.size, "appends") },
    { name: "appends that are there twice", value: items.length - present.size, unit: "", atMost: 0 },
    {
      name: "appends that failed for certain and happened",
      value: happened,
      unit: "",
      atMost: 0,
      note: of(ledger.failed.size, "failed"),
    },
    { name: "answers to COMMITs that were lost", value: line.lostCommits, unit: "", atLeast: 1 },
    {
      name: "calls reported as OUTCOME_UNKNOWN for each of them",
      value: unknown / line.lostCommits,
      unit: "",
      atLeast: 1,
      note: `${ledger.inDoubt.size} appends in doubt`,
    },
  ];
}

function told(done: Disturbances, seconds: Count): Figure[] {
  const total = Object.values(done).reduce((sum, each) => sum + each, 0);
  const note = Object.entries(done)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
  return [
    {
      name: `faults in ${counted(seconds.run, seconds, "seconds")}`,
      value: total,
      unit: "",
      atLeast: seconds.run,
      note,
    },
  ];
}
