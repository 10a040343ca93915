import { type FetchLike, IntegrationError, judgeHttpStatus, parseRetryAfter } from "../../../core/index.ts";

export interface JsonPost {
  readonly service: string;
  readonly fetch: FetchLike;
  /** May itself be a secret, as Slack's is: no message says more of it than its host. */
  readonly url: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** @throws IntegrationError for any status but 2xx, with the verdict of the status; redirects are not followed */
export async function postJson({ service, fetch, url, body, headers, signal }: JsonPost): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
      signal,
      redirect: "manual",
    });
  } catch {
    if (signal.aborted) throw signal.reason;
    throw new IntegrationError({
      code: "NETWORK",
      message: `${service}: ${new URL(url).host} could not be reached; check the address and the network`,
      service,
    });
  }
  await response.body?.cancel();
  if (response.ok) return;
  const { status } = response;
  throw new IntegrationError({
    ...judgeHttpStatus(status),
    message: `${service}: ${new URL(url).host} answered ${status}; check the address and its key or token`,
    service,
    status,
    retryAfterMs: parseRetryAfter(response.headers.get("retry-after"), 0),
  });
}

/** @throws IntegrationError INVALID_INPUT; the message does not hold the address, which may be a secret */
export function checkUrl(service: string, url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isWeb = parsed?.protocol === "https:" || parsed?.protocol === "http:";
  if (isWeb && parsed.username === "" && parsed.password === "") return url;
  const problem = isWeb
    ? "must not hold user and password"
    : "must be a whole address such as https://example.com/hook";
  throw new IntegrationError({ code: "INVALID_INPUT", message: `The ${service} notifier's url ${problem}` });
}
