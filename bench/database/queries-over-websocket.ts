import { Client, Pool } from "@neondatabase/serverless";
import pg from "pg";
import { WebSocket } from "ws";
import { type LocalPostgres } from "enhanced-integration/local";
import { ChildServer } from "../support/child-server.ts";
import { type Figure } from "../support/report.ts";
import { integrationOver, ONE_ROW } from "./one-row.ts";
import { PairedRounds, type RoundOptions } from "./paired-rounds.ts";

/** What a round trip over a WebSocket takes, without the driver's timer for gathering writes. */
export async function queriesOverWebSocket(server: LocalPostgres, rounds: RoundOptions): Promise<Figure[]> {
  await using bridge = await ChildServer.start(
    new URL("websocket-bridge.ts", import.meta.url),
    new URL(server.connectionString).port,
  );
  const pool = new pg.Pool({ connectionString: server.connectionString, max: 20 });
  const driver = bareDriver(server.connectionString, bridge.port);
  const url = new URL(server.connectionString);
  url.port = String(bridge.port);
  await using integration = integrationOver(url.toString(), "websocket");
  const { text, values } = ONE_ROW;
  try {
    const timings = await PairedRounds.run(
      [
        { name: "pg over TCP", run: () => pool.query(text, values) },
        { name: "the bare driver", run: () => driver.query(text, values) },
        { name: "ours: neon.pool.query", run: () => integration.neon.pool.query(text, values) },
      ],
      rounds,
    );
    timings.print("pg over TCP");
    const at = `${rounds.inFlight} in flight`;
    return [
      {
        name: `latency over WebSocket / pg, ${at}`,
        value: timings.latencyRatio("ours: neon.pool.query", "pg over TCP"),
        unit: "×",
        ...(rounds.inFlight === 1 && { atMost: 3 }),
      },
      {
        name: `latency of the bare driver / pg, ${at}`,
        value: timings.latencyRatio("the bare driver", "pg over TCP"),
        unit: "×",
      },
    ];
  } finally {
    await Promise.all([pool.end(), driver.end()]);
  }
}

/** The driver as it comes, told only where the bridge is. */
function bareDriver(connectionString: string, port: number): Pool {
  const pool = new Pool({ connectionString, max: 20 });
  // The driver overwrites its client class in the constructor: this is its own way to configure one pool alone.
  (pool as unknown as { Client: typeof Client }).Client = class extends Client {
    constructor(config: string) {
      super(config);
      const { neonConfig } = this as unknown as { neonConfig: Record<string, unknown> };
      neonConfig["webSocketConstructor"] = WebSocket;
      neonConfig["wsProxy"] = () => `127.0.0.1:${port}/`;
      neonConfig["useSecureWebSocket"] = false;
    }
  };
  pool.on("error", () => undefined);
  return pool;
}
