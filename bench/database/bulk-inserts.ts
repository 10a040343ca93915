import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { type LocalPostgres } from "enhanced-integration/local";
import { type Figure } from "../support/report.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { median, pairedRatio } from "../support/statistics.ts";
import { textTable } from "../support/text-table.ts";
import { integrationOver } from "./one-row.ts";

const ROWS = Array.from({ length: 10_000 }, (_, id) => ({
  id,
  city: `City ${id % 70}`,
  price: 200_000 + ((id * 7_919) % 900_000),
  listed_at: new Date(1_700_000_000_000 + id * 60_000),
  facts: { bedrooms: id % 6, note: `tab\there, "quoted" and \\ slashed` },
}));
type House = (typeof ROWS)[number];

const COLUMNS = "id, city, price, listed_at, facts";

/** The same 10,000 rows, by the ways there are; every way must store the same. */
export async function bulkInserts(server: LocalPostgres, rounds: number): Promise<Figure[]> {
  const client = new pg.Client(server.connectionString);
  await client.connect();
  await using integration = integrationOver(server.connectionString, "tcp");
  const { neon } = integration;
  await client.query(
    "create table houses (id int primary key, city text not null, price int, listed_at timestamptz, facts jsonb)",
  );
  const slow = "row by row in one transaction";
  const ways: Record<string, () => Promise<unknown>> = {
    [slow]: () => rowByRow(client),
    "bare COPY": () => bareCopy(client),
    "ours: COPY": () => neon.bulkInsert("houses", ROWS, { method: "copy" }),
    "bare unnest": () => bareUnnest(client),
    "ours: unnest": () => neon.bulkInsert("houses", ROWS, { method: "unnest" }),
  };
  const names = Object.keys(ways);
  const backwards = names.toReversed();
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  try {
    let expected: string | undefined;
    for (let round = -1; round < rounds; round += 1)
      for (let turn = 0; turn < names.length; turn += 1) {
        // Every other round backwards, so that no way always comes after the same one.
        const name = (round % 2 === 0 ? names : backwards)[(round + 1 + turn) % names.length]!;
        const tookMs: number[] = [];
        for (let time = 0; time < (name === slow ? 1 : 3); time += 1) {
          await client.query("truncate houses");
          collectGarbage({ type: "minor" });
          const startedAt = performance.now();
          await ways[name]!();
          tookMs.push(performance.now() - startedAt);
          const stored = await digest(client);
          if ((expected ??= stored) !== stored) throw new Error(`${name} stored something else than ${names[0]}`);
        }
        if (round >= 0) times.get(name)!.push(median(tookMs));
      }
  } finally {
    await client.query("drop table houses");
    await client.end();
  }
  const all = (name: string) => times.get(name)!;
  console.log(
    textTable(
      ["", "median ms", "rows a second"],
      names.map((name) => {
        const ms = median(all(name));
        return [name, ms.toFixed(1), Math.round((ROWS.length / ms) * 1_000).toLocaleString("en-US")];
      }),
    ),
  );
  const ratio = (name: string, base: string) => pairedRatio(all(name), all(base));
  return [
    { name: "row by row / our COPY", value: ratio(slow, "ours: COPY"), unit: "×", atLeast: 15 },
    { name: "our COPY / bare COPY", value: ratio("ours: COPY", "bare COPY"), unit: "×", atMost: 1.3 },
    { name: "row by row / our unnest", value: ratio(slow, "ours: unnest"), unit: "×", atLeast: 8 },
    { name: "our unnest / bare unnest", value: ratio("ours: unnest", "bare unnest"), unit: "×", atMost: 1.2 },
  ];
}

async function rowByRow(client: pg.Client): Promise<void> {
  await client.query("begin");
  for (const row of ROWS)
    await client.query(`insert into houses (${COLUMNS}) values ($1, $2, $3, $4, $5)`, [
      row.id,
      row.city,
      row.price,
      row.listed_at,
      row.facts,
    ]);
  await client.query("commit");
}

/** What one would write by hand for exactly these columns, and no other. */
async function bareCopy(client: pg.Client): Promise<void> {
  const stream = client.query(copyFrom(`copy houses (${COLUMNS}) from stdin`));
  const escaped = (text: string) => text.replace(/[\\\t\n\r]/g, (found) => escapes[found]!);
  const line = ({ id, city, price, listed_at, facts }: House) =>
    `${id}\t${escaped(city)}\t${price}\t${listed_at.toISOString()}\t${escaped(JSON.stringify(facts))}\n`;
  const chunks: string[] = [];
  for (let at = 0; at < ROWS.length; at += 500)
    chunks.push(
      ROWS.slice(at, at + 500)
        .map(line)
        .join(""),
    );
  await pipeline(Readable.from(chunks), stream);
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

async function bareUnnest(client: pg.Client): Promise<void> {
  await client.query(
    `insert into houses (${COLUMNS}) select * from unnest($1::int[], $2::text[], $3::int[], $4::timestamptz[], $5::jsonb[])`,
    [
      ROWS.map(({ id }) => id),
      ROWS.map(({ city }) => city),
      ROWS.map(({ price }) => price),
      ROWS.map(({ listed_at }) => listed_at),
      ROWS.map(({ facts }) => JSON.stringify(facts)),
    ],
  );
}

async function digest(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ digest: string }>(
    "select count(*) || md5(string_agg(h::text, '|' order by id)) as digest from houses h",
  );
  return rows[0]!.digest;
}
