import { IntegrationError } from "../../../core/index.ts";
import { type Integration } from "../../../integration.ts";
import { type ExpressRequest } from "../handler.ts";

/** An action's body is a few words. */
const MAX_BYTES = 4_096;

/** Said to the page, with a status. */
export class ActionRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Does what a POST asks for. Only our own page may ask with a visitor's rights: a request from another site shows in
 * `Sec-Fetch-Site`, or in `Origin`, and JSON needs a preflight that nobody answers.
 *
 * @throws ActionRefused
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
 */
export async function takeAction(integration: Integration, request: ExpressRequest, who: string): Promise<void> {
  if (!isSameOrigin(request)) throw new ActionRefused(403, "only the status page itself may ask for this");
  if (!/^application\/json\b/i.test(request.get("content-type") ?? ""))
    throw new ActionRefused(415, "send the action as application/json");
  const body = await bodyOf(request);
  if (typeof body !== "object" || body === null) throw new ActionRefused(400, "send the action as a JSON object");
  try {
    integration.operate(body as Parameters<Integration["operate"]>[0], who);
  } catch (error) {
    if (!IntegrationError.isInstance(error)) throw error;
    throw new ActionRefused(error.code === "NOT_FOUND" ? 404 : 400, error.message);
  }
}

/** Tools that are no browser send neither header, and no visitor's rights without being told to. */
function isSameOrigin(request: ExpressRequest): boolean {
  const site = request.get("sec-fetch-site");
  if (site !== undefined) return site === "same-origin";
  const origin = request.get("origin");
  return origin === undefined || URL.parse(origin)?.host === request.get("host");
}

async function bodyOf(request: ExpressRequest): Promise<unknown> {
  // The host's own parser may have read it already.
  const parsed = (request as { readonly body?: unknown }).body;
  if (parsed !== undefined) return parsed;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new ActionRefused(413, `an action has at most ${MAX_BYTES} bytes`);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new ActionRefused(400, "the body is not JSON");
  }
}
