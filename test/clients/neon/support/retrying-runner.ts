import { type CallRunner, directRunner, type IntegrationError } from "../../../../src/core/index.ts";

/** The smallest runner that retries: what the pipeline's retry room decides by verdict and notSent, without its waits. */
export function retryingRunner(attempts = 5): CallRunner & { readonly attempts: number } {
  const direct = directRunner();
  let made = 0;
  return {
    get attempts() {
      return made;
    },
    stream: (spec, attempt) => direct.stream(spec, attempt),
    async run(spec, attempt) {
      for (let left = Math.min(attempts, spec.maxAttempts ?? attempts); ; left -= 1) {
        made += 1;
        try {
          return await direct.run(spec, attempt);
        } catch (thrown) {
          const error = thrown as IntegrationError;
          const mayRetry = error.verdict === "retryable" && (spec.idempotent === true || error.notSent === true);
          if (!mayRetry || left <= 1) throw error;
        }
      }
    },
  };
}
