import {
  describeThrown,
  type ErrorCode,
  type EventBus,
  type FetchLike,
  IntegrationError,
  judgeHttpStatus,
  judgeNetworkError,
  parseRetryAfter,
  redactUrls,
  type Clock,
  systemClock,
} from "../../core/index.ts";

/** One network act over HTTP. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON when it is a plain value, as it is when bytes, a stream, text or a form. */
  readonly json?: unknown;
  readonly body?: NonNullable<RequestInit["body"]>;
  readonly signal: AbortSignal;
}

/** Reads a failed answer's body for the service's own words. Returns what it knows better than the status alone. */
export type ErrorReader = (status: number, body: unknown, headers: Headers) => Partial<ReadFailure> | undefined;
export interface ReadFailure {
  readonly code: IntegrationError["code"];
  readonly verdict: IntegrationError["verdict"];
  readonly message: string;
  readonly retryAfterMs: number;
  /** The service refused before it did anything. */
  readonly notSent: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface HttpTransportOptions {
  readonly service: string;
  readonly fetch?: FetchLike | undefined;
  readonly clock?: Clock | undefined;
  /** Sent with every request; may hold the key. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly readError?: ErrorReader;
  /** Told of each request, as `http.finished`. @defaultValue nobody */
  readonly events?: EventBus | undefined;
}

/**
 * The only place where an HTTP answer becomes an {@link IntegrationError}. The global `fetch` is looked up per call, so
 * that a host's interceptors work whenever they were installed.
 */
export class HttpTransport {
  readonly #options: HttpTransportOptions;
  readonly #clock: Clock;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** @throws IntegrationError for every status of 400 and above, and for every failure below HTTP */
  async send(request: HttpRequest): Promise<Response> {
    const response = await this.#fetch(request);
    if (response.status < 400) return response;
    throw await this.#failure(request, response);
  }

  /** @returns the parsed body; `undefined` for an empty one */
  async json<T = unknown>(request: HttpRequest): Promise<T> {
    const response = await this.send(request);
    const text = await this.read(request, () => response.text());
    if (text === "") return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw this.#error(request, {
        code: "INVALID_OUTPUT",
        message: `answered ${response.status} with a body that is not JSON (${text.length} characters)`,
        cause,
      });
    }
  }

  /** Reads a body, turning a connection cut half way into an error of ours. */
  async read<T>(request: HttpRequest, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (thrown) {
      throw this.#networkError(request, thrown);
    }
  }

  async #fetch(request: HttpRequest): Promise<Response> {
    const fetch = this.#options.fetch ?? globalThis.fetch;
    const isJson = request.json !== undefined;
    const body = isJson ? JSON.stringify(request.json) : request.body;
    const headers = {
      ...(isJson && { "content-type": "application/json" }),
      ...this.#options.headers,
      ...request.headers,
    };
    const init: RequestInit = {
      method: request.method,
      headers,
      signal: request.signal,
      ...(body !== undefined && { body }),
    };
    if (body instanceof ReadableStream) Object.assign(init, { duplex: "half" });
    const startedAt = this.#clock.now();
    try {
      const response = await fetch(request.url, init);
      this.#told(request, startedAt, { status: response.status });
      return response;
    } catch (thrown) {
      const error = this.#networkError(request, thrown);
      this.#told(request, startedAt, { code: IntegrationError.isInstance(error) ? error.code : "ABORTED" });
      throw error;
    }
  }

  #told(request: HttpRequest, startedAt: number, outcome: { status: number } | { code: ErrorCode }): void {
    const { events, service } = this.#options;
    if (!events?.has("http.finished")) return;
    const { method, url } = request;
    events.emit("http.finished", { service, method, url, ...outcome, durationMs: this.#clock.now() - startedAt });
  }

  #networkError(request: HttpRequest, thrown: unknown): unknown {
    if (IntegrationError.isInstance(thrown)) return thrown;
    // Whose wish was it? The signal's reason says; the transport only reports "aborted".
    if (request.signal.aborted) return request.signal.reason;
    const judgement = judgeNetworkError(thrown) ?? { code: "NETWORK" as const, verdict: "retryable" as const };
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? `: ${describeThrown(thrown.cause)}` : "";
    return this.#error(request, { ...judgement, message: `${describeThrown(thrown)}${cause}`, cause: thrown });
  }

  async #failure(request: HttpRequest, response: Response): Promise<IntegrationError> {
    const text = await response.text().catch(() => "");
    const judgement = judgeHttpStatus(response.status);
    const read = this.#options.readError?.(response.status, parseJson(text), response.headers);
    const retryAfterMs =
      read?.retryAfterMs ?? parseRetryAfter(response.headers.get("retry-after"), this.#clock.wallNow());
    return this.#error(request, {
      ...judgement,
      ...read,
      message: `answered ${response.status}: ${read?.message ?? excerpt(text)}`,
      status: response.status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }

  #error(
    request: HttpRequest,
    facts: Omit<ConstructorParameters<typeof IntegrationError>[0], "service">,
  ): IntegrationError {
    const { origin, pathname } = new URL(request.url);
    const message = redactUrls(`${request.method} ${origin}${pathname} ${facts.message}`);
    return new IntegrationError({ ...facts, message, service: this.#options.service });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Enough of a body to recognise it, not enough to flood a log. */
function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line === "" ? "(no body)" : line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
