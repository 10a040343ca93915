import { type Config } from "../config/index.ts";
import { type FetchLike, type Logger, type Redact, redactThrown, Secret } from "../core/index.ts";
import { createTextRedactor } from "../monitoring/index.ts";

/** Everything whose value must not come out: the settings' secrets, and what the host adds. */
export function allSecrets(config: Config, added: readonly (Secret | string)[] = []): (Secret | string)[] {
  return [...secretsOf(config), ...added];
}

/** Those of the settings, wherever they stand; what else each hides (a password in a URL) the redactor finds itself. */
function secretsOf(config: Config): Secret[] {
  const found: Secret[] = [];
  const visit = (value: unknown): void => {
    if (value instanceof Secret) found.push(value as Secret);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  visit(config);
  return found;
}

/** One per integration: another one in the same process has other secrets. */
export function createRedact(secrets: readonly (Secret | string)[]): Redact {
  return createTextRedactor(secrets);
}

/**
 * Takes secrets out of failed answers and out of what `fetch` throws, where they come in: before our clients cut an
 * excerpt out of a text, and before a vendor's client hands its error to the host. What went well passes untouched.
 */
export function redactingFetch(fetch: FetchLike, redact: Redact): FetchLike {
  return (input, init) =>
    fetch(input, init).then(
      (response) => (response.status < 400 ? response : redactedResponse(response, redact)),
      (thrown: unknown) => {
        // The caller's own wish to stop is no failure, and it is known by its identity.
        throw init?.signal?.aborted ? thrown : redactThrown(thrown, redact);
      },
    );
}

function redactedResponse(response: Response, redact: Redact): Response {
  if (!("clone" in response)) return redactedAnswer(response, redact);
  const { status, statusText, headers, body } = response;
  const clean = new Headers();
  for (const [name, value] of headers) if (name !== "content-length") clean.append(redact(name), redact(value));
  return new Response(body && redactedBody(body, redact), { status, statusText: redact(statusText), headers: clean });
}

/** What a leaner `fetch` than the global one gives. */
function redactedAnswer(answer: Pick<Response, "status" | "headers" | "text">, redact: Redact): Response {
  const { status, headers } = answer;
  const text = async () => redact(await answer.text());
  const get = (name: string) => {
    const value = headers.get(name);
    return value === null ? null : redact(value);
  };
  const lean = { status, ok: false, headers: { get }, text, json: async () => JSON.parse(await text()) as unknown };
  return lean as unknown as Response;
}

/** As a whole, because a secret may begin in one piece and end in the next: whoever reads a failure reads all of it. */
function redactedBody(body: ReadableStream<Uint8Array>, redact: Redact): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await readAll(reader).catch((thrown: unknown) =>
          Promise.reject(redactThrown(thrown, redact) as Error),
        );
        const text = bytes.toString();
        const told = redact(text);
        if (bytes.length > 0) controller.enqueue(told === text ? bytes : Buffer.from(told));
        controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let read = await reader.read(); !read.done; read = await reader.read()) pieces.push(read.value);
  return Buffer.concat(pieces);
}

/** The host's own logger for lines of ours: what they say is cleaned, as the default logger's lines are. */
export function redactingLogger(logger: Logger, redact: Redact): Logger {
  const write = (level: keyof Logger) => (fields: object, message: string) =>
    logger[level](redactThrown(fields, redact) as object, redact(message));
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
