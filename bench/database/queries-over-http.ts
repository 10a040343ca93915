import { neon, neonConfig } from "@neondatabase/serverless";
import { type PostgresServer } from "../support/postgres-server.ts";
import { type Figure } from "../support/report.ts";
import { ChildServer } from "./child-server.ts";
import { integrationOver, ONE_ROW } from "./one-row.ts";
import { PairedRounds, type RoundOptions } from "./paired-rounds.ts";

/** What `neon.query` adds to the vendor's driver over HTTP. */
export async function queriesOverHttp(server: PostgresServer, rounds: RoundOptions): Promise<Figure[]> {
  await using endpoint = await ChildServer.start("http-endpoint.ts", server.connectionString);
  const url = new URL(server.connectionString);
  url.port = String(endpoint.port);
  await using integration = integrationOver(url.toString(), "websocket");
  const { text, values } = ONE_ROW;
  const toEndpoint: typeof fetch = (_, init) => fetch(`http://127.0.0.1:${endpoint.port}/sql`, init);
  // The global setting is the driver's only one; nothing else in this process uses it.
  neonConfig.fetchFunction = toEndpoint;
  try {
    const sql = neon(server.connectionString, { fullResults: true });
    const timings = await PairedRounds.run(
      [
        { name: "the bare driver", run: () => sql.query(text, values) },
        { name: "ours: neon.query", run: () => integration.neon.query(text, values) },
      ],
      rounds,
    );
    timings.print("the bare driver");
    const at = `${rounds.inFlight} in flight`;
    const ours = "ours: neon.query";
    return [
      { name: `CPU over HTTP / bare, ${at}`, value: timings.cpuRatio(ours, "the bare driver"), unit: "×", atMost: 1.1 },
      {
        name: `latency over HTTP / bare, ${at}`,
        value: timings.latencyRatio(ours, "the bare driver"),
        unit: "×",
        atMost: 1.1,
      },
    ];
  } finally {
    neonConfig.fetchFunction = undefined;
  }
}
