import { needsLocalTimeout, serverBounds } from "../pools/drivers.ts";
import { type ClientContext } from "./client-context.ts";
import { invalid, type TransactionOptions } from "./neon-options.ts";

/** BEGIN, and with it in one round trip the server's bounds where they cannot be settings of the connection. */
export function beginStatement(
  { pools }: ClientContext,
  { isolationLevel, readOnly }: Pick<TransactionOptions, "isolationLevel" | "readOnly">,
): string {
  checkIsolationLevel(isolationLevel);
  const level = isolationLevel ? ` isolation level ${isolationLevel}` : "";
  const access = readOnly === undefined ? "" : readOnly ? " read only" : " read write";
  const bounds = needsLocalTimeout(pools.target, pools.transport) ? Object.entries(serverBounds(pools.limits)) : [];
  return `begin${level}${access}${bounds.map(([name, ms]) => `; set local ${name} = ${ms}`).join("")}`;
}
const isolationLevels: ReadonlySet<string> = new Set(["read committed", "repeatable read", "serializable"]);

/** @throws IntegrationError INVALID_INPUT naming those that there are */
export function checkIsolationLevel(isolationLevel: string | undefined): void {
  if (isolationLevel !== undefined && !isolationLevels.has(isolationLevel))
    throw invalid(`isolationLevel must be one of ${[...isolationLevels].join(", ")}`);
}
