import pg from "pg";
import postgres from "postgres";
import { type LocalPostgres } from "enhanced-integration/local";
import { type Figure } from "../support/report.ts";
import { integrationOver, ONE_ROW } from "./one-row.ts";
import { PairedRounds, type RoundOptions } from "./paired-rounds.ts";

/** What `neon.query` adds to the driver that carries it. */
export async function queriesOverTcp(server: LocalPostgres, rounds: RoundOptions): Promise<Figure[]> {
  const { connectionString } = server;
  const pool = new pg.Pool({ connectionString, max: 20 });
  const sql = postgres(connectionString, { max: 20 });
  await using integration = integrationOver(connectionString, "tcp");
  const { text, values } = ONE_ROW;
  try {
    const timings = await PairedRounds.run(
      [
        { name: "pg", run: () => pool.query(text, values) },
        { name: "ours: neon.query", run: () => integration.neon.query(text, values) },
        { name: "ours: neon.pool.query", run: () => integration.neon.pool.query(text, values) },
        { name: "postgres", run: () => sql.unsafe(text, values) },
        { name: "postgres, prepared", run: () => sql.unsafe(text, values, { prepare: true }) },
      ],
      rounds,
    );
    timings.print("pg");
    const at = `${rounds.inFlight} in flight`;
    return [
      {
        name: `CPU of neon.query / pg, ${at}`,
        value: timings.cpuRatio("ours: neon.query", "pg"),
        unit: "×",
        atMost: 1.1,
      },
      {
        name: `latency of neon.query / pg, ${at}`,
        value: timings.latencyRatio("ours: neon.query", "pg"),
        unit: "×",
        atMost: 1.1,
      },
    ];
  } finally {
    await Promise.all([pool.end(), sql.end()]);
  }
}
