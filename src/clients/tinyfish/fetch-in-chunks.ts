import { IntegrationError } from "../../core/index.ts";
import { checkUrl, given, invalidInput } from "./run-request.ts";
import { type FetchRequest, type FetchResult } from "./types.ts";

/** The service's limit per request. */
const URLS_PER_REQUEST = 10;

/**
 * Fetches any number of pages, ten at a time, and puts the answers together. A request that fails counts against its own
 * pages; only where nothing at all was answered is it an error.
 */
export async function fetchInChunks(
  request: FetchRequest,
  send: (body: Readonly<Record<string, unknown>>) => Promise<FetchResult>,
): Promise<FetchResult> {
  const problems = request.urls.flatMap((url, index) => checkUrl(`urls[${index}]`, url));
  if (request.urls.length === 0) problems.push("urls must not be empty");
  if (problems.length > 0) throw invalidInput("fetch", problems);
  const options = given({
    format: request.format,
    links: request.links,
    image_links: request.imageLinks,
    ttl: request.ttlSeconds,
    per_url_timeout_ms: request.perUrlTimeoutMs,
    purpose: request.purpose,
  });
  const answers: FetchResult[] = [];
  let failure: unknown;
  let answered = 0;
  for (let from = 0; from < request.urls.length; from += URLS_PER_REQUEST) {
    const urls = request.urls.slice(from, from + URLS_PER_REQUEST);
    try {
      answers.push(await send({ urls, ...options }));
      answered += 1;
    } catch (error) {
      if (!IntegrationError.isInstance(error) || error.code === "ABORTED" || error.verdict === "auth") throw error;
      failure = error;
      const status = error.status ?? null;
      answers.push({ pages: [], errors: urls.map((url) => ({ url, error: "request_failed", status })) });
    }
  }
  if (answered === 0) throw failure;
  return { pages: answers.flatMap(({ pages }) => pages), errors: answers.flatMap(({ errors }) => errors) };
}
