import { neon, neonConfig } from "@neondatabase/serverless";
import { type LocalPostgres } from "enhanced-integration/local";
import { ChildServer } from "../support/child-server.ts";
import { type Figure } from "../support/report.ts";
import { integrationOver, ONE_ROW } from "./one-row.ts";
import { PairedRounds, type RoundOptions } from "./paired-rounds.ts";

/** What `neon.query` adds to the vendor's driver over HTTP. */
export async function queriesOverHttp(server: LocalPostgres, rounds: RoundOptions): Promise<Figure[]> {
  await using endpoint = await ChildServer.start(new URL("http-endpoint.ts", import.meta.url), server.connectionString);
  const url = new URL(server.connectionString);
  url.port = String(endpoint.port);
  await using integration = integrationOver(url.toString(), "websocket");
  await using fetching = integrationOver(url.toString(), "websocket", { fetch: (...request) => fetch(...request) });
  const { text, values } = ONE_ROW;
  // The global setting is the driver's only one; nothing else in this process uses it.
  const { fetchEndpoint } = neonConfig;
  neonConfig.fetchEndpoint = `http://127.0.0.1:${endpoint.port}/sql`;
  try {
    const sql = neon(server.connectionString, { fullResults: true });
    const timings = await PairedRounds.run(
      [
        { name: "the bare driver", run: () => sql.query(text, values) },
        { name: "ours: neon.query", run: () => integration.neon.query(text, values) },
        { name: "ours, by a given fetch", run: () => fetching.neon.query(text, values) },
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
    neonConfig.fetchEndpoint = fetchEndpoint;
  }
}
