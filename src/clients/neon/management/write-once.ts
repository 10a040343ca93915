import { IntegrationError } from "../../../core/index.ts";
import { type AdminCallOptions, type ManagementApi, type Send } from "./api.ts";
import { MANAGEMENT_SERVICE } from "./options.ts";

/** A write that must not happen twice, to a service that takes no idempotency keys. */
export interface WriteOnce<T> {
  readonly operation: string;
  readonly send: Send<T>;
  /** Finds what an earlier attempt did whose answer was lost; undefined if it did nothing. */
  readonly look: (signal: AbortSignal) => Promise<T | undefined>;
  /** What to look for by hand if nobody can tell, e.g. `the branch "preview"`. */
  readonly subject: string;
}

/**
 * Sends, and after a lost answer looks before it sends again: the first one may have taken effect.
 *
 * @throws IntegrationError `OUTCOME_UNKNOWN` if neither the answer nor the look came through
 */
export async function writeOnce<T>(api: ManagementApi, write: WriteOnce<T>, call: AdminCallOptions): Promise<T> {
  const { operation, subject } = write;
  let inDoubt = false;
  const attempt = async (signal: AbortSignal): Promise<T> => {
    if (inDoubt) {
      const found = await write.look(signal);
      if (found !== undefined) return found;
    }
    const wasInDoubt = inDoubt;
    // Before the answer, not after: a timeout may end the attempt without ever coming back here.
    inDoubt = true;
    try {
      return await api.attempt(write.send, signal);
    } catch (error) {
      inDoubt = wasInDoubt || isUnclear(error);
      if (!wasInDoubt || !(IntegrationError.isInstance(error) && error.code === "CONFLICT")) throw error;
      // The first one arrived after our look.
      const found = await write.look(signal);
      if (found === undefined) throw error;
      return found;
    }
  };
  try {
    return await api.run(operation, call, { idempotent: true, write: true }, ({ signal }) => attempt(signal));
  } catch (error) {
    if (!inDoubt) throw error;
    throw new IntegrationError({
      code: "OUTCOME_UNKNOWN",
      service: MANAGEMENT_SERVICE,
      operation,
      message: `${MANAGEMENT_SERVICE}.${operation}: the answer was lost (${(error as Error).message}); look for ${subject} before doing it again`,
      cause: error,
    });
  }
}

/** Nothing was done if the service refused, or the request never left. */
function isUnclear(error: unknown): boolean {
  if (!IntegrationError.isInstance(error)) return true;
  if (error.notSent) return false;
  return error.status === undefined || error.status === 408 || error.status >= 500;
}
