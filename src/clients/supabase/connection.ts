import {
  type AttemptContext,
  type CallSpec,
  type FetchLike,
  IntegrationError,
  type ReadOptions,
  runRead,
} from "../../core/index.ts";
import { type HttpRequest, HttpTransport } from "../http/transport.ts";
import { readSupabaseError } from "./errors.ts";
import { JoinedChannels } from "./joined-channels.ts";
import { answererOf } from "./quotas.ts";
import { isHeaderSafe, type ResolvedSupabaseOptions } from "./supabase-options.ts";

/** What a caller may say about one call. */
export type CallOptions = Pick<CallSpec, "signal" | "deadlineMs" | "priority" | "parent">;

/** What a caller may say about one read of storage. */
export type ReadCallOptions = CallOptions & ReadOptions;

/** An operation of this client: its name, and what is true of it whoever calls. */
export type Operation = Pick<
  CallSpec,
  "operation" | "idempotent" | "write" | "maxAttempts" | "deadlineMs" | "limit" | "quota"
>;

/** A request without its signal, which belongs to the attempt. */
export type ProjectRequest = Omit<HttpRequest, "signal">;

/** The way to the project: keys, policies and transport, shared by everything this client does. */
export class SupabaseConnection {
  readonly options: ResolvedSupabaseOptions;
  readonly http: HttpTransport;
  readonly channels: JoinedChannels;
  #closed = false;

  constructor(options: ResolvedSupabaseOptions) {
    this.options = options;
    this.channels = new JoinedChannels(options.events);
    this.http = this.#transport(async (input, init) => withTrueStatus(await this.#fetch(input, init)));
  }

  /** The key with all rights. @throws IntegrationError `FEATURE_DISABLED` if there is none */
  get secretKey(): string {
    const { secretKey } = this.options;
    if (secretKey === undefined)
      throw new IntegrationError({
        code: "FEATURE_DISABLED",
        service: "supabase",
        message: "supabase: this needs the project's secret key; set SUPABASE_SERVICE_KEY (or the option secretKey)",
      });
    return secretKey;
  }

  /** Runs an operation under the policies. @throws IntegrationError `CLOSED` after {@link close} */
  async run<T>(
    operation: Operation,
    call: CallOptions | undefined,
    attempt: (context: AttemptContext) => Promise<T>,
  ): Promise<T> {
    this.#assertOpen();
    return this.options.runner.run(this.#spec(operation, call), attempt);
  }

  /** Runs a read, from the cache and with hedges where its caller asks for them. @param facts see {@link runRead} */
  async read<T>(
    operation: Operation,
    call: ReadCallOptions | undefined,
    facts: readonly unknown[],
    attempt: (context: AttemptContext) => Promise<T>,
  ): Promise<T> {
    this.#assertOpen();
    return runRead(this.options.runner, this.#spec(operation, call), { ...call, facts }, attempt);
  }

  /** Like {@link run} for an answer that comes in pieces. */
  stream<T>(
    operation: Operation,
    call: CallOptions | undefined,
    attempt: (context: AttemptContext) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    this.#assertOpen();
    return this.options.runner.stream(this.#spec(operation, call), attempt);
  }

  /** One request whose answer is JSON, as a call of its own. */
  json<T = unknown>(operation: Operation, call: CallOptions | undefined, request: ProjectRequest): Promise<T> {
    return this.run(operation, call, ({ signal }) => this.http.json<T>({ ...request, signal }));
  }

  /** Headers of a user's request, or of the server's own: with all its rights if it has them. */
  headers(token: string | undefined): Record<string, string> {
    if (token !== undefined)
      return { apikey: this.options.publishableKey, authorization: `Bearer ${checkToken(token)}` };
    const key = this.options.secretKey ?? this.options.publishableKey;
    return { apikey: key, authorization: `Bearer ${key}` };
  }

  /**
   * One network act for a vendor's client, its answer read whole within the signal's time. `answered` sees the answer
   * untouched, failures included, before they become errors of ours.
   */
  async perform(
    input: string | URL,
    init: RequestInit | undefined,
    signal: AbortSignal,
    answered?: (response: Response) => void,
  ): Promise<Response> {
    const http = this.#transport(async (url, request) => {
      const response = await readWhole(await this.#fetch(this.#locate(url), request));
      answered?.(response.clone());
      return withTrueStatus(response);
    });
    const { method = "GET", headers, body } = init ?? {};
    return http.send({
      method: method.toUpperCase() as HttpRequest["method"],
      url: input,
      headers: Object.fromEntries(new Headers(headers)),
      ...(body !== undefined && body !== null && { body }),
      signal,
    });
  }

  close(): void {
    this.#closed = true;
  }

  #spec({ deadlineMs = this.options.requestTimeoutMs, ...operation }: Operation, call: CallOptions = {}): CallSpec {
    const { signal, priority, parent } = call;
    return {
      service: "supabase",
      ...answererOf(operation.operation),
      ...operation,
      deadlineMs: call.deadlineMs ?? deadlineMs,
      ...(signal && { signal }),
      ...(priority && { priority }),
      ...(parent && { parent }),
    };
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new IntegrationError({
        code: "CLOSED",
        service: "supabase",
        message: "supabase: the client is closed; make a new one",
      });
  }

  #transport(fetch: FetchLike): HttpTransport {
    const { clock, events } = this.options;
    return new HttpTransport({ service: "supabase", clock, events, fetch, readError: readSupabaseError });
  }

  #fetch(input: string | URL, init: RequestInit | undefined): Promise<Response> {
    return (this.options.fetch ?? globalThis.fetch)(input, init);
  }

  /** The vendor's client knows one address; ours may keep storage elsewhere. */
  #locate(input: string | URL): string {
    const { url, storageUrl } = this.options;
    const standard = `${url}/storage/v1/`;
    const address = String(input);
    return address.startsWith(standard) ? `${storageUrl}/${address.slice(standard.length)}` : address;
  }
}

/** @throws IntegrationError `INVALID_INPUT`; the token itself is not repeated */
export function checkToken(token: unknown, name = "token"): string {
  if (isHeaderSafe(token)) return token;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    service: "supabase",
    message: `supabase: ${name} must be a non-empty text without spaces or control characters`,
  });
}

/** Storage answers almost every failure with 400 and puts the true status into the body, as a text. */
async function withTrueStatus(response: Response): Promise<Response> {
  if (response.status !== 400) return response;
  const text = await response.text();
  const status = Number(/"statusCode"\s*:\s*"([45]\d\d)"/.exec(text)?.[1] ?? 400);
  return new Response(text, { status, headers: response.headers });
}

async function readWhole(response: Response): Promise<Response> {
  const body = response.body ? await response.arrayBuffer() : null;
  const { status, statusText, headers } = response;
  return new Response(body?.byteLength ? body : null, { status, statusText, headers });
}
