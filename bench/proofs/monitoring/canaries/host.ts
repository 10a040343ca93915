import { truncateSync, readFileSync, existsSync } from "node:fs";
import { inspect } from "node:util";
import { createIntegration, type Integration } from "../../../../src/integration.ts";
import { type OpenTelemetryApi } from "../../../../src/monitoring/index.ts";
import { type EchoingServices } from "./echoing-services.ts";
import { type Planted } from "./planted.ts";

/** An integration as a host makes it, and what it writes by itself. */
export interface Host {
  readonly integration: Integration;
  /** What was written since the last time, by sink. */
  take(): Readonly<Record<string, readonly string[]>>;
}

export interface HostOptions {
  readonly services: EchoingServices;
  readonly api: OpenTelemetryApi;
  /** Where it logs to: a file, or a logger of the host's own. */
  readonly logs: { readonly file: string; readonly format: "json" | "pretty" } | "own";
  readonly transport: "tcp" | "http" | "websocket";
}

const own = ["neon", "neon-data-api", "neon-management", "supabase", "tinyfish", "ollama", "crm"];
const notifiers = ["slack", "pagerduty", "webhook", "alertmanager", "log"];
/** An open circuit would keep the canaries out, and waits would only take time. */
const policy = { maxAttempts: 2, breaker: false, budget: false, baseDelayMs: 1, maxDelayMs: 2 } as const;

export function openHost(planted: Planted, { services, api, logs, transport }: HostOptions): Host {
  const { http, postgresPort, redisPort } = services;
  const databasePort = transport === "tcp" ? postgresPort : Number(new URL(http).port);
  const env = Object.fromEntries(
    Object.entries(planted.env).map(([name, value]) => [
      name,
      name.startsWith("NEON_") ? value?.replace("127.0.0.1:9", `127.0.0.1:${databasePort}`) : value,
    ]),
  );
  const events: string[] = [];
  const lines: string[] = [];
  const say = (fields: object, message: string) => void lines.push(`${inspect(fields, { depth: 9 })} ${message}`);
  const integration = createIntegration(
    {
      ...env,
      NEON_TRANSPORT: transport,
      NEON_API_URL: http,
      NEON_DATA_API_URL: `${http}/rest/v1`,
      NEON_CONNECTION_TIMEOUT: "2s",
      SUPABASE_URL: http,
      TINYFISH_API_URL: http,
      OLLAMA_BASE_URL: http,
      REDIS_URL: planted.env["REDIS_URL"]?.replace("127.0.0.1:9", `127.0.0.1:${redisPort}`),
      REQUEST_TIMEOUT: "5s",
      LOG_LEVEL: "debug",
      VERBOSE_LOGGING: "true",
      ENABLE_SQL_LOGGING: "true",
      ...(logs !== "own" && { LOG_FILE_PATH: logs.file, LOG_FORMAT: logs.format, LOG_MAX_SIZE: "100GB" }),
    },
    {
      ...(logs === "own" && { logger: { debug: say, info: say, warn: say, error: say } }),
      secrets: [
        planted.slackUrl(http),
        planted.pagerDutyKey,
        planted.alertmanagerToken,
        planted.webhookSecret,
        ...planted.hostKeys,
      ],
      tracing: { api },
      outbound: false,
      fleet: false,
      policies: Object.fromEntries([...own, ...notifiers].map((service) => [service, policy])),
      clients: { tinyfish: { minPollMs: 1, maxPollMs: 2, reconcileWaitsMs: [1, 1] } },
      onEvent: (name, event) => void events.push(`${name} ${inspect(event, { depth: 9 })}`),
    },
  );
  return {
    integration,
    take: () => ({
      events: events.splice(0),
      [logs === "own" ? "lines of the host's logger" : `log file, ${logs.format}`]:
        logs === "own" ? lines.splice(0) : takeFile(logs.file),
    }),
  };
}

function takeFile(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  truncateSync(path);
  return text.split("\n");
}
