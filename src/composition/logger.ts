import { type Config } from "../config/index.ts";
import { type Clock, type Secret } from "../core/index.ts";
import { createLogger, type IntegrationLogger } from "../monitoring/index.ts";

/**
 * The logger that LOG_* describe.
 *
 * @param secrets what no line may hold
 * @param fields what every line says beside its own
 */
export function defaultLogger(
  config: Config,
  clock: Clock,
  secrets: readonly (Secret | string)[],
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
    ...{ secrets, clock, fields },
  });
}
