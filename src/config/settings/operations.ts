import { durationMs, durationSeconds, flag, integer, redisConnection, schedule, text } from "../kinds/index.ts";
import { setting } from "../setting.ts";

export const metricsSettings = {
  enabled: setting("ENABLE_METRICS", flag, {
    default: "true",
    description: "Records metrics of every call.",
  }),
  prometheus: setting("PROMETHEUS_ENABLED", flag, {
    default: "true",
    description: "Serves the recorded metrics as Prometheus text at METRICS_PATH.",
  }),
  port: setting("METRICS_PORT", integer({ min: 0, max: 65_535 }), {
    description: "Port of a server of its own for the metrics; unset, no port is opened and the host mounts them.",
  }),
  host: setting("METRICS_HOST", text("an address of this machine, such as 0.0.0.0 or ::", /^[\da-fA-F.:]+$/), {
    default: "127.0.0.1",
    description:
      "Where METRICS_PORT listens: this machine only, unless a Prometheus elsewhere has to reach it (0.0.0.0 in a container). Nobody is asked who they are there.",
  }),
  path: setting("METRICS_PATH", text("a path that starts with /, without query", /^\/[^\s?#]*$/), {
    default: "/metrics",
    description: "Path of the Prometheus text.",
  }),
  seriesTtlMs: setting("METRICS_SERIES_TTL", durationMs({ min: "1m", max: "365d" }), {
    description:
      "Drops a metric's series (one set of labels) once nothing was recorded to it for so long; choose it longer than the ranges of your rules. Unset, all stay.",
  }),
};

export const healthSettings = {
  enabled: setting("ENABLE_HEALTH_CHECKS", flag, {
    default: "true",
    description: "Runs health checks in the background after start(); health() works either way.",
  }),
  intervalMs: setting("HEALTH_CHECK_INTERVAL", durationMs({ min: "1s", max: "1d" }), {
    default: "30s",
    description: "Pause between background checks; Neon is judged by real traffic, so that its compute may sleep.",
  }),
};

export const cacheSettings = {
  ttlSeconds: setting("CACHE_TTL", durationSeconds({ min: "1s", max: "365d" }), {
    default: "1h",
    description: "How long a cached read stays fresh.",
  }),
  maxEntries: setting("CACHE_MAX_SIZE", integer({ min: 1, max: 1_000_000 }), {
    default: "1000",
    description: "Entries of the read cache; the least recently used one goes first.",
  }),
};

export const callSettings = {
  concurrentRequests: setting("CONCURRENT_REQUESTS", integer({ min: 1, max: 100_000 }), {
    default: "100",
    description: "Calls in flight per process; more wait in the queue.",
  }),
  requestTimeoutMs: setting("REQUEST_TIMEOUT", durationMs({ min: "1ms", max: "1d" }), {
    default: "30s",
    description: "Total deadline of a call that names none: queue, attempts and waits included.",
  }),
};

export const querySettings = {
  timeoutMs: setting("QUERY_TIMEOUT", durationMs({ min: "1ms", max: "1d" }), {
    default: "10s",
    description: "Bound of one SQL statement, on the server and in the client.",
  }),
  maxResults: setting("MAX_QUERY_RESULTS", integer({ min: 1, max: 10_000_000 }), {
    default: "1000",
    description: "Most rows of one query; a row more is an error, never a silent cut.",
  }),
  cacheEnabled: setting("ENABLE_QUERY_CACHE", flag, {
    default: "true",
    description: "Serves repeated reads that ask for it from the cache, also when the database is away.",
  }),
};

const applied = "neon.admin.applyBackupPolicy and the provision command bring it about";

export const backupSettings = {
  enabled: setting("BACKUP_ENABLED", flag, {
    default: "true",
    description: `Keeps a backup schedule on NEON_BRANCH; ${applied}.`,
  }),
  retentionDays: setting("BACKUP_RETENTION_DAYS", integer({ min: 1, max: 35 }), {
    default: "30",
    description: "Days that a scheduled backup is kept; Neon keeps them for 35 at most.",
  }),
  schedule: setting("BACKUP_SCHEDULE", schedule, {
    default: "0 2 * * *",
    description: "When backups are taken, as a whole-hour cron line in UTC.",
  }),
  pointInTimeRecovery: setting("POINT_IN_TIME_RECOVERY", flag, {
    default: "true",
    description: "Checks with the backups that the project's history window allows a restore to a moment.",
  }),
};

export const redisSettings = {
  connection: setting("REDIS_URL", redisConnection, {
    description: "Redis over which processes share rate limits and circuit breakers; needs the package ioredis.",
  }),
};
