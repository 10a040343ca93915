import type * as NeonSdk from "@neon/sdk/raw";
import { type AttemptContext, type CallSpec, IntegrationError, type Priority } from "../../../core/index.ts";
import { type HttpRequest, HttpTransport } from "../../http/transport.ts";
import { readManagementError } from "./errors.ts";
import { MANAGEMENT_SERVICE, type ResolvedNeonAdminOptions } from "./options.ts";
import { unusable } from "./resources.ts";

/** What a caller may say about one call. */
export interface AdminCallOptions {
  /** The caller's wish to stop. What Neon has begun goes on there. */
  readonly signal?: AbortSignal | undefined;
  /** Total time, the wait for Neon's operations included, ms. @defaultValue the client's `waitTimeoutMs` */
  readonly deadlineMs?: number | undefined;
  readonly priority?: Priority | undefined;
  /** The attempt that makes this call: its deadline and signal hold for this call too. */
  readonly parent?: CallSpec["parent"] | undefined;
}

export type Sdk = typeof NeonSdk;
/** The members that every request of the vendor's functions takes. */
export interface SdkRequest {
  readonly client: NeonSdk.Client;
  readonly signal: AbortSignal;
  readonly throwOnError: true;
}
export type Send<T> = (sdk: Sdk, request: SdkRequest) => Promise<T>;

/** What does not exist is undefined instead of a failure. */
export async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (IntegrationError.isInstance(error) && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** Attempts of a request: an operation on the same project may lock it for a while. */
const MAX_ATTEMPTS = 10;

/** The way to the management API: one request of the vendor's SDK at a time, under our policies and no others. */
export class ManagementApi {
  readonly options: ResolvedNeonAdminOptions;
  readonly #http: HttpTransport;

  constructor(options: ResolvedNeonAdminOptions) {
    this.options = options;
    const { clock, fetch, apiKey } = options;
    const headers = { authorization: `Bearer ${apiKey}` };
    this.#http = new HttpTransport({
      service: MANAGEMENT_SERVICE,
      readError: readManagementError,
      ...{ clock, fetch, headers },
    });
  }

  /** A request that may be repeated: reads, and writes that say what shall be. */
  read<T>(operation: string, call: AdminCallOptions, send: Send<T>): Promise<T> {
    return this.run(operation, call, { idempotent: true, write: false }, ({ signal }) => this.attempt(send, signal));
  }

  /** A call under the policies, for whoever makes its attempts himself. */
  run<T>(
    operation: string,
    call: AdminCallOptions,
    policy: Pick<CallSpec, "idempotent" | "write">,
    attempt: (context: AttemptContext) => Promise<T>,
  ): Promise<T> {
    const { runner, limit, requestTimeoutMs } = this.options;
    const { signal, priority, parent, deadlineMs = requestTimeoutMs } = call;
    const spec: CallSpec = {
      service: MANAGEMENT_SERVICE,
      operation,
      deadlineMs: Math.min(deadlineMs, requestTimeoutMs),
      maxAttempts: MAX_ATTEMPTS,
      ...policy,
      ...(limit && { limit }),
      ...(signal && { signal }),
      ...(priority && { priority }),
      ...(parent && { parent }),
    };
    return runner.run(spec, attempt);
  }

  /** One network act. The vendor's errors lose cause and `Retry-After`: so ours are caught in its fetch. */
  async attempt<T>(send: Send<T>, signal: AbortSignal): Promise<T> {
    const sdk = await import("@neon/sdk/raw");
    let failure: unknown;
    const fetch = async (input: string | URL | Request) => {
      try {
        return await this.#perform(input as Request, signal);
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    const client = sdk.createClient(sdk.createConfig({ baseUrl: this.options.apiUrl, fetch, parseAs: "json" }));
    try {
      return await send(sdk, { client, signal, throwOnError: true });
    } catch (thrown) {
      if (failure !== undefined) throw failure;
      if (IntegrationError.isInstance(thrown)) throw thrown;
      throw unusable(`JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }

  async #perform(request: Request, signal: AbortSignal): Promise<Response> {
    const body = request.body ? await request.text() : "";
    const sent: HttpRequest = {
      method: request.method as HttpRequest["method"],
      url: request.url,
      headers: Object.fromEntries(request.headers),
      ...(body !== "" && { body }),
      signal,
    };
    const response = await this.#http.send(sent);
    const text = await this.#http.read(sent, () => response.text());
    return new Response(text === "" ? null : text, { status: response.status, headers: response.headers });
  }
}
