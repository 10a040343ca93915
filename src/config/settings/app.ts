import { flag, integer, listOf, oneOf, origin, sizeBytes, text } from "../kinds/index.ts";
import { environments, setting } from "../setting.ts";

/** It becomes a User-Agent and Postgres' `application_name`, which keeps 63 bytes. */
const label = text("1 to 63 printable ASCII characters", /^[\x20-\x7e]{1,63}$/);

export const appSettings = {
  environment: setting("NODE_ENV", oneOf(environments), {
    default: "development",
    description: "Picks the profile of defaults and which .env.<NODE_ENV> file loadEnv() reads.",
  }),
  name: setting("APP_NAME", label, {
    default: "enhanced-integration",
    description: "Service name in logs, metrics, traces, the User-Agent and Postgres' application_name.",
  }),
  version: setting("APP_VERSION", label, {
    default: "1.0.0",
    description: "Service version in logs, metrics, traces and the User-Agent.",
  }),
};

export const serverSettings = {
  port: setting("PORT", integer({ min: 0, max: 65_535 }), {
    default: "3000",
    description: "Port on which the Express example and a host's own server listen; 0 takes any free one.",
  }),
  corsOrigins: setting("CORS_ORIGIN", listOf(origin), {
    default: "",
    profiles: { development: "http://localhost:3000,http://localhost:8080" },
    description: "Origins whose browsers may call the Express host; empty lets none.",
  }),
};

export const loggingSettings = {
  level: setting("LOG_LEVEL", oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]), {
    default: "info",
    profiles: { development: "debug" },
    description: "Lowest level that the logger writes.",
  }),
  format: setting("LOG_FORMAT", oneOf(["json", "pretty"]), {
    default: "json",
    description: "One JSON object per line, or coloured text for people (needs the optional package pino-pretty).",
  }),
  filePath: setting("LOG_FILE_PATH", text("a file path", /^[^\0]+$/), {
    description: "File that the log goes to, with rotation; without it the log goes to stdout.",
  }),
  maxBytes: setting("LOG_MAX_SIZE", sizeBytes({ min: "1KB", max: "100GB" }), {
    default: "100MB",
    description: "Size at which the log file is rotated; takes effect with LOG_FILE_PATH.",
  }),
  maxFiles: setting("LOG_MAX_FILES", integer({ min: 1, max: 1_000 }), {
    default: "10",
    description: "Rotated log files that are kept; takes effect with LOG_FILE_PATH.",
  }),
};

export const debugSettings = {
  enabled: setting("DEBUG_MODE", flag, {
    default: "false",
    profiles: { development: "true" },
    description: "Lowers the log level to debug, whatever LOG_LEVEL says.",
  }),
  verboseLogging: setting("VERBOSE_LOGGING", flag, {
    default: "false",
    profiles: { development: "true" },
    description: "Logs every attempt of a call, not only its end.",
  }),
  sqlLogging: setting("ENABLE_SQL_LOGGING", flag, {
    default: "false",
    profiles: { development: "true" },
    description: "Logs SQL text at debug level; parameters are never logged.",
  }),
  performanceTracing: setting("ENABLE_PERFORMANCE_TRACING", flag, {
    default: "false",
    profiles: { development: "true" },
    description: "Opens a span per call and attempt through the optional package @opentelemetry/api.",
  }),
};
