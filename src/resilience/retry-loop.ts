import pRetry from "p-retry";
import { type IntegrationError } from "../core/index.ts";

/**
 * The only loop over attempts in this package. p-retry drives it; what to wait, and whether to go on at all, is
 * `beforeNext`'s decision. It is entered after the first attempt has failed, so that calls that succeed do not pay for it.
 *
 * @param failure of the first attempt
 * @param again makes one more attempt; must reject with errors of ours only (p-retry reads meaning into TypeErrors)
 * @param beforeNext waits, or throws the error that ends the call
 */
export async function retryLoop<T>(
  failure: IntegrationError,
  maxAttempts: number,
  again: () => Promise<T>,
  beforeNext: (failure: IntegrationError) => Promise<void>,
): Promise<T> {
  if (maxAttempts <= 1) throw failure;
  await beforeNext(failure);
  return pRetry(again, {
    retries: maxAttempts - 2,
    minTimeout: 0,
    maxTimeout: 0,
    factor: 1,
    randomize: false,
    shouldRetry: async ({ error }) => {
      await beforeNext(error as IntegrationError);
      return true;
    },
  });
}
