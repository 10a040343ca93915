import { editDistance, type ErrorCode, IntegrationError, type Redact, type Verdict } from "../../core/index.ts";

/** What went wrong in Ollama's own terms: `error.details.kind` of the client's errors. */
export type OllamaErrorKind =
  | "model_not_found"
  | "context_length_exceeded"
  | "out_of_memory"
  | "busy"
  | "host_forbidden"
  | "unauthorized"
  | "stream_error"
  | "stream_truncated"
  | "stream_malformed"
  | "first_byte_timeout"
  | "idle_timeout"
  | "connect_timeout"
  | "dimension_mismatch"
  | "schema_mismatch"
  | "output_truncated"
  | "memory_budget"
  | "openai_only";

/** An error of this client, with its kind where hosts and dashboards find it. */
export function ollamaError(
  code: ErrorCode,
  kind: OllamaErrorKind,
  message: string,
  more: { verdict?: Verdict; cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
): IntegrationError {
  const { verdict, cause, details } = more;
  return new IntegrationError({ code, message, verdict, cause, service: "ollama", details: { kind, ...details } });
}

interface Reading {
  readonly message: string;
  readonly code?: ErrorCode;
  readonly verdict?: Verdict;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The server's own sentences, wherever they appear: under a status, or as the last line of a stream. */
const sentences: readonly (readonly [RegExp, OllamaErrorKind, ErrorCode, Verdict])[] = [
  [/model ['"].*['"] not found/i, "model_not_found", "NOT_FOUND", "fatal"],
  [/context length|context window|input length exceeds/i, "context_length_exceeded", "INVALID_INPUT", "fatal"],
  [/requires more system memory|out of memory/i, "out_of_memory", "UPSTREAM_STATUS", "fatal"],
  [/server busy|maximum pending requests/i, "busy", "UPSTREAM_STATUS", "throttled"],
];

/**
 * Reads the body of a failed answer: `{"error": "…"}` of the native face, `{"error": {"message"}}` of the other, or text.
 *
 * @returns nothing if there is nothing to add to the status
 */
export function readOllamaError(status: number, body: unknown): Reading | undefined {
  const message = errorText(body);
  const known = judgeSentence(message);
  if (known) return known;
  const told = message === "" ? "(no body)" : message;
  switch (status) {
    case 401:
      return { message: `${told}; set OLLAMA_API_KEY`, details: { kind: "unauthorized" } };
    case 403:
      return message === ""
        ? {
            message: "the server refuses this Host header: let the proxy in front of it send Host: localhost",
            details: { kind: "host_forbidden" },
          }
        : undefined;
    case 429:
    case 503:
      return { message: told, verdict: "throttled", details: { kind: "busy" } };
    default:
      return message === "" ? undefined : { message: message.slice(0, 500) };
  }
}

/** A `{"error"}` that arrived inside a stream, under status 200. Long ones are cut, and no secret is cut in half. */
export function streamedError(error: unknown, redact: Redact): IntegrationError {
  const message = redact(errorText({ error })) || "no reason given";
  const { code = "UPSTREAM_STATUS", verdict = "retryable", details } = judgeSentence(message) ?? { message };
  const told = `the server ended the stream with an error: ${message.slice(0, 500)}`;
  return new IntegrationError({
    code,
    verdict,
    message: told,
    service: "ollama",
    details: { kind: "stream_error", ...details },
  });
}

function judgeSentence(message: string): Reading | undefined {
  const found = sentences.find(([pattern]) => pattern.test(message));
  if (!found) return undefined;
  const [, kind, code, verdict] = found;
  return { message: message.slice(0, 500), code, verdict, details: { kind } };
}

function errorText(body: unknown): string {
  if (typeof body === "string") return body.trim();
  const error = (body as { error?: unknown } | null | undefined)?.error;
  if (typeof error === "string") return error.trim();
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === "string" ? message.trim() : "";
}

/** Model names offered in place of a mistyped one. */
const MAX_SUGGESTIONS = 3;

/** The installed names most like the wanted one: of the same family first, then by edits. */
export function nearestModels(wanted: string, installed: readonly string[]): string[] {
  const base = (name: string) => name.toLowerCase().split(":")[0]!;
  const distance = (name: string) =>
    editDistance(base(wanted), base(name)) + editDistance(wanted.toLowerCase(), name.toLowerCase()) / 100;
  const limit = Math.max(3, Math.ceil(base(wanted).length / 2));
  return installed
    .map((name) => ({ name, at: distance(name) }))
    .filter(({ at }) => at <= limit)
    .sort((a, b) => a.at - b.at)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ name }) => name);
}
