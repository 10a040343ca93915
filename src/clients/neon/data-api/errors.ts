import { errorFromThrown, type IntegrationError, judgeThrown } from "../../../core/index.ts";
import { type ErrorReader } from "../../http/transport.ts";

/** Breaker, budget and metrics of the Data API are its own. */
export const DATA_API_SERVICE = "neon-data-api";

/** PostgREST's `{ code, message, details, hint }`: its own codes and SQLSTATE say more than the status. */
export const readDataApiError: ErrorReader = (status, body) => {
  if (typeof body !== "object" || body === null) return undefined;
  const { code, message } = body as Readonly<Record<string, unknown>>;
  const hasCode = typeof code === "string" && code !== "";
  return {
    ...(hasCode && judgeThrown({ code, status })),
    ...(typeof message === "string" && { message: hasCode ? `${message} (${code})` : message }),
    ...(hasCode && { details: { code } }),
  };
};

/** Neon writes `detail` where PostgREST, and so the vendor's client, has `details`. */
export async function withDetails(response: Response): Promise<Response> {
  const { status, statusText, headers } = response;
  const text = await response.text();
  const empty = text === "" || [204, 205, 304].includes(status);
  return new Response(empty ? null : status < 400 ? text : renamed(text), { status, statusText, headers });
}

function renamed(text: string): string {
  try {
    const { detail, ...rest } = JSON.parse(text) as Record<string, unknown>;
    if (detail !== undefined && rest["details"] === undefined) return JSON.stringify({ ...rest, details: detail });
  } catch {
    // not JSON: the vendor's client shows it as it is
  }
  return text;
}

/**
 * Turns the `error` of the vendor's `{ data, error }` into an error of ours, by its code.
 *
 * @example
 * const { data, error } = await neon.dataApi(token).from("market_alerts").select();
 * if (error) throw dataApiError(error);
 */
export function dataApiError(vendorError: unknown): IntegrationError {
  return errorFromThrown(vendorError, { service: DATA_API_SERVICE });
}
