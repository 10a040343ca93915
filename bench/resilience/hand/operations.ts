/** What all wrappers are put around. */
export const noop = (): Promise<void> => Promise.resolve();

/** A failure that every breaker counts: the service did not answer. */
export function connectionReset(): Error {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
}
