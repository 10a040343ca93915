import { join } from "node:path";
import type pg from "pg";
import { type AttemptContext, IntegrationError, lineOf, type Logger, packageRoot } from "../../core/index.ts";
import { type DriverOptions } from "../pools/drivers.ts";
import { type ClientContext } from "./client-context.ts";
import { withDirectSession } from "./direct-session.ts";
import { toNeonError } from "./errors.ts";
import { migrate, type MigrateOptions, type MigrateResult } from "./migrate.ts";
import { type CallOptions, neonDefaults, type NeonClientOptions } from "./neon-options.ts";

/** A migration may build indexes over whole tables, and waits for other migrators, ms. */
const MIGRATION_TIMEOUT_MS = 600_000;

/** Migrations as a call of the client, on a direct connection of their own. */
export async function runMigrations(
  context: ClientContext,
  driverFor: (queryTimeoutMs: number) => DriverOptions,
  knownDimensions: NeonClientOptions["embeddingDimensions"],
  options: Partial<MigrateOptions> & CallOptions,
): Promise<MigrateResult> {
  const bounds = { deadlineMs: MIGRATION_TIMEOUT_MS, attemptTimeoutMs: MIGRATION_TIMEOUT_MS };
  const spec = context.spec("migrate", options, { idempotent: true, write: true, ...bounds });
  // Before the call: what the model's server does wrong must count against that server, and be retried only there.
  const embeddingDimensions = options.embeddingDimensions ?? (await dimensionsOf(knownDimensions, options));
  return context.runner.run(spec, async (own) => {
    const { signal } = own;
    const work = (session: pg.Client) =>
      migrate(session, {
        directory: options.directory ?? join(packageRoot(), "migrations"),
        embeddingDimensions,
        dryRun: options.dryRun,
        reembed: options.reembed,
        logger: ofCall(options.logger ?? context.logger, own),
      });
    try {
      return await withDirectSession(driverFor(MIGRATION_TIMEOUT_MS), signal, work);
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw toNeonError(thrown, { operation: "migrate", phase: "query", repeatable: true });
    }
  });
}

/** A logger whose every line names the call. */
function ofCall(logger: Logger, call: AttemptContext): Logger {
  const at = (level: keyof Logger) => (fields: object, message: string) =>
    logger[level]({ ...lineOf(call), ...fields }, message);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

async function dimensionsOf(
  given: NeonClientOptions["embeddingDimensions"],
  { signal, parent }: CallOptions,
): Promise<number> {
  const known = given ?? neonDefaults.embeddingDimensions;
  if (typeof known !== "function") return known;
  try {
    return await known({ ...(signal && { signal }), ...(parent && { parent }) });
  } catch (thrown) {
    if (!IntegrationError.isInstance(thrown)) throw thrown;
    const { code, verdict, service, operation, callId, attempts, retryAfterMs, status, details, message } = thrown;
    throw new IntegrationError({
      ...{ code, verdict, service, operation, callId, attempts, retryAfterMs, status, details },
      message: `migrations need to know how long the embedding model's vectors are: ${message}`,
      cause: thrown,
    });
  }
}
