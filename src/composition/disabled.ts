import { IntegrationError } from "../core/index.ts";

/**
 * Stands where a client would be whose settings are missing: any call on it, however deep, rejects with
 * `FEATURE_DISABLED` and says what to set, and so does the first step of any stream. Closing it works.
 */
export function disabledClient<T extends object>(service: string, reason: string): T {
  const error = () =>
    new IntegrationError({ code: "FEATURE_DISABLED", service, message: `${service} is off: ${reason}` });
  const build = (): object =>
    new Proxy(() => undefined, {
      // Without `then` and `toJSON` it can be awaited, inspected and logged like any object.
      get: (_target, key) =>
        typeof key === "symbol" || key === "then" || key === "toJSON"
          ? undefined
          : key === "close"
            ? () => Promise.resolve()
            : build(),
      apply: () => promiseAndStream(error()),
    });
  return build() as T;
}

/** Which of the two the call gives nobody here knows: `await` and `for await` both meet the error. */
function promiseAndStream(error: IntegrationError): Promise<never> & AsyncIterable<never> {
  const failed = Promise.reject<never>(error);
  const next = (): Promise<never> => failed;
  return Object.assign(failed, { [Symbol.asyncIterator]: () => ({ next }) });
}
