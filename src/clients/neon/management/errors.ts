import { type ErrorReader, type ReadFailure } from "../../http/transport.ts";

/**
 * Neon's `{ code, message, request_id }`. 423 (another operation holds the project) and 503 were refused before anything
 * was done and are always safe to repeat; so is 429. A locked project is no sick service: it must not open the breaker.
 *
 * @see https://api-docs.neon.tech the OpenAPI document's "General Error"
 */
export const readManagementError: ErrorReader = (status, body) => {
  const { code, message, request_id: requestId } = (body ?? {}) as Readonly<Record<string, unknown>>;
  const locked: Partial<ReadFailure> = status === 423 ? { code: "UPSTREAM_STATUS", verdict: "throttled" } : {};
  const words = typeof message === "string" && message !== "" ? message : undefined;
  const vendorCode = typeof code === "string" && code !== "" ? code : undefined;
  return {
    ...locked,
    ...([423, 429, 503].includes(status) && { notSent: true }),
    ...(words !== undefined && { message: vendorCode === undefined ? words : `${words} (${vendorCode})` }),
    details: {
      ...(vendorCode !== undefined && { code: vendorCode }),
      ...(typeof requestId === "string" && { requestId }),
    },
  };
};
