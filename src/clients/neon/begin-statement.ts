import { needsLocalTimeout } from "../pools/drivers.ts";
import { type ClientContext } from "./client-context.ts";
import { invalid, type TransactionOptions } from "./neon-options.ts";

/** BEGIN, and with it in one round trip the server's bound where it cannot be a setting of the connection. */
export function beginStatement(
  { pools }: ClientContext,
  { isolationLevel, readOnly }: Pick<TransactionOptions, "isolationLevel" | "readOnly">,
): string {
  if (isolationLevel !== undefined && !isolationLevels.has(isolationLevel))
    throw invalid(`isolationLevel must be one of ${[...isolationLevels].join(", ")}`);
  const level = isolationLevel ? ` isolation level ${isolationLevel}` : "";
  const access = readOnly === undefined ? "" : readOnly ? " read only" : " read write";
  const bound = needsLocalTimeout(pools.target, pools.transport)
    ? `; set local statement_timeout = ${pools.limits.queryTimeoutMs}`
    : "";
  return `begin${level}${access}${bound}`;
}
const isolationLevels: ReadonlySet<string> = new Set(["read committed", "repeatable read", "serializable"]);
