import { type Config } from "../config/index.ts";
import { type Clock } from "../core/index.ts";
import { createLogger, type IntegrationLogger } from "../monitoring/index.ts";
import { secretsOf } from "./secrets.ts";

/**
 * The logger that LOG_* describe.
 *
 * @param fields what every line says beside its own
 */
export function defaultLogger(
  config: Config,
  clock: Clock,
  logTo: "stdout" | "stderr" = "stdout",
  fields?: () => object,
): IntegrationLogger {
  const { level, format, filePath, maxBytes, maxFiles } = config.logging;
  const { name, version } = config.app;
  const destination = filePath === undefined ? logTo : { path: filePath, maxBytes, maxFiles };
  return createLogger({
    level: config.debug.enabled && level === "info" ? "debug" : level,
    format,
    destination,
    name,
    version,
    secrets: secretsOf(config),
    ...{ clock, fields },
  });
}
