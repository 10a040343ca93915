export {
  postgresConnection,
  type PostgresConnection,
  redisConnection,
  type RedisConnection,
  withDatabase,
} from "./connection.ts";
export { durationMs, durationSeconds, formatDuration, parseDurationMs } from "./duration.ts";
export { type KeySet, publicKeySet } from "./key-set.ts";
export { accepted, type Kind, type Parsed, refused } from "./kind.ts";
export { decimal, integer } from "./number.ts";
export { isPlaceholder } from "./placeholder.ts";
export { formatSchedule, schedule, type Schedule } from "./schedule.ts";
export { apiKey, jsonWebToken, REDACTED, signingSecret, supabaseKey } from "./secret.ts";
export { formatSize, parseSizeBytes, sizeBytes } from "./size.ts";
export { flag, listOf, oneOf, text } from "./text.ts";
export { isLoopback, ollamaUrl, origin, url } from "./url.ts";
