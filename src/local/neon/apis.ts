import { type Clock, systemClock } from "../../core/index.ts";
import { type FaultPlan } from "../faults.ts";
import { startLoopbackServer } from "../loopback-server.ts";
import { DataApiStandIn } from "./data-api/index.ts";
import { ManagementStandIn } from "./management/index.ts";

export interface NeonApisOptions {
  readonly faults: FaultPlan;
  /** Of the local database that the APIs stand before. */
  readonly connectionString: string;
  /** Of the management API; the only one that is let in. */
  readonly apiKey: string;
  /** Judges the Data API's bearer tokens. @returns their claims */
  readonly verify: (token: string) => Promise<Readonly<Record<string, unknown>>>;
  /** @defaultValue 0: any free port */
  readonly port?: number | undefined;
  readonly clock?: Clock | undefined;
}

export interface NeonApis {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly management: ManagementStandIn;
  close(): Promise<void>;
}

const PROJECT_ID = "local-project-00000001";

/** Neon's HTTP APIs beside the database, on one port: `/api/v2` for management, `/<database>/rest/v1` for data. Their faults go by `neon-api`. */
export async function startNeonApis(options: NeonApisOptions): Promise<NeonApis> {
  const { faults, port, apiKey, connectionString, verify, clock = systemClock } = options;
  const { username, pathname } = new URL(connectionString);
  const database = { database: pathname.slice(1), role: decodeURIComponent(username), connectionString };
  const management = new ManagementStandIn({ projectId: PROJECT_ID, apiKey, database, clock });
  const dataApi = new DataApiStandIn({ connectionString, verify });
  const dataPath = `/${database.database}/rest/v1`;
  const handle = (request: Request) => {
    const { pathname } = new URL(request.url);
    return pathname.startsWith(dataPath)
      ? dataApi.handle(request, pathname.slice(dataPath.length))
      : management.handle(request);
  };
  const server = await startLoopbackServer({ service: "neon-api", faults, port, clock, handle });
  return {
    url: server.url,
    env: {
      NEON_PROJECT_ID: PROJECT_ID,
      NEON_API_KEY: apiKey,
      NEON_API_URL: `${server.url}/api/v2`,
      NEON_DATA_API_URL: server.url + dataPath,
    },
    management,
    close: async () => {
      await server.close();
      await dataApi.close();
    },
  };
}
