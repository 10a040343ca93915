import { IntegrationError } from "../core/index.ts";

/**
 * Stands where a client would be whose settings are missing: any call on it, however deep, rejects with
 * `FEATURE_DISABLED` and says what to set. Closing it works.
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
      apply: () => Promise.reject(error()),
    });
  return build() as T;
}
