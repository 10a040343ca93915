import {
  type FetchedPage,
  type FetchFailure,
  type Run,
  type RunFailure,
  type RunStep,
  type SearchResult,
  type WalletState,
} from "./types.ts";

/**
 * Readers of the service's JSON. They take snake_case and camelCase (the product's predecessor), take a missing key for
 * null, and pass on words that they do not know: a vendor's new enum value must not break a paid run.
 */

/** @param name in snake_case */
export function field(source: unknown, name: string): unknown {
  if (typeof source !== "object" || source === null) return undefined;
  const record = source as Record<string, unknown>;
  return record[name] ?? record[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())] ?? undefined;
}

export function readText(source: unknown, name: string): string | null {
  const value = field(source, name);
  return typeof value === "string" ? value : null;
}

/** Numbers also arrive as strings: a balance is `"21.44"`. */
export function readNumber(source: unknown, name: string): number | null {
  const value = field(source, name);
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

export function readList(source: unknown, name: string): readonly unknown[] {
  const value = field(source, name);
  return Array.isArray(value) ? value : [];
}

export function readStrings(source: unknown, name: string): string[] {
  return readList(source, name).filter((each) => typeof each === "string");
}

/** @returns undefined for what is no run: it has no id */
export function readRun(source: unknown): Run | undefined {
  const runId = readText(source, "run_id");
  if (runId === null) return undefined;
  return {
    runId,
    status: readText(source, "status")?.toUpperCase() ?? "UNKNOWN",
    goal: readText(source, "goal") ?? "",
    createdAt: readText(source, "created_at"),
    startedAt: readText(source, "started_at"),
    finishedAt: readText(source, "finished_at"),
    numberOfSteps: readNumber(source, "num_of_steps"),
    result: field(source, "result") ?? field(source, "result_json") ?? null,
    schemaValidation: readValidation(field(source, "schema_validation")),
    error: readFailure(source),
    streamingUrl: readText(source, "streaming_url"),
    videoUrl: readText(source, "video_url"),
    steps: readList(source, "steps").map(readStep),
  };
}

function readValidation(source: unknown): Run["schemaValidation"] {
  const valid = field(source, "valid");
  if (typeof valid !== "boolean") return null;
  return { valid, repromptAttempts: readNumber(source, "re_prompt_attempts") ?? 0, errors: readList(source, "errors") };
}

/** An object in a run; a string, with its help beside it, on the stream's last event. */
function readFailure(run: unknown): RunFailure | null {
  const error = field(run, "error");
  if (error === undefined) return null;
  const source = typeof error === "string" ? run : error;
  const message =
    typeof error === "string" ? error : (readText(error, "message") ?? "the run failed without a message");
  const code = typeof error === "string" ? null : readText(error, "code")?.toUpperCase();
  const retryAfterSeconds = readNumber(source, "retry_after");
  const helpUrl = readText(source, "help_url");
  const helpMessage = readText(source, "help_message");
  return {
    message,
    category: (typeof error === "string" ? null : readText(error, "category"))?.toUpperCase() ?? "UNKNOWN",
    ...(code && { code }),
    ...(retryAfterSeconds !== null && { retryAfterSeconds }),
    ...(helpUrl !== null && { helpUrl }),
    ...(helpMessage !== null && { helpMessage }),
  };
}

function readStep(source: unknown): RunStep {
  return {
    id: readText(source, "id") ?? "",
    timestamp: readText(source, "timestamp"),
    status: readText(source, "status") ?? "UNKNOWN",
    action: readText(source, "action"),
    duration: readText(source, "duration"),
  };
}

export function readSearchResult(source: unknown, index: number): SearchResult {
  return {
    position: readNumber(source, "position") ?? index + 1,
    siteName: readText(source, "site_name"),
    title: readText(source, "title") ?? "",
    snippet: readText(source, "snippet"),
    url: readText(source, "url") ?? "",
    raw: typeof source === "object" && source !== null ? (source as Record<string, unknown>) : {},
  };
}

export function readPage(source: unknown): FetchedPage {
  const url = readText(source, "url") ?? "";
  return {
    url,
    finalUrl: readText(source, "final_url") ?? url,
    title: readText(source, "title"),
    description: readText(source, "description"),
    language: readText(source, "language"),
    author: readText(source, "author"),
    publishedDate: readText(source, "published_date"),
    format: readText(source, "format") ?? "markdown",
    text: field(source, "text") ?? "",
    links: readStrings(source, "links"),
    imageLinks: readStrings(source, "image_links"),
  };
}

export function readFetchFailure(source: unknown): FetchFailure {
  return {
    url: readText(source, "url") ?? "",
    error: readText(source, "error") ?? "fetch_error",
    status: readNumber(source, "status"),
  };
}

export function readWallet(source: unknown): WalletState {
  const meters = readList(field(source, "rates"), "meters");
  const perStep = meters.find((meter) => readText(meter, "per") === "step");
  return {
    availableUsd: readNumber(source, "available_balance") ?? 0,
    currency: readText(source, "currency") ?? "USD",
    asOf: readText(source, "as_of"),
    usdPerStep: readNumber(perStep, "unit_amount"),
  };
}
