import { PostgrestClient } from "@supabase/postgrest-js";
import {
  type CallRunner,
  type CallSpec,
  type Clock,
  DEFAULT_DEADLINE_MS,
  directRunner,
  type FetchLike,
  IntegrationError,
  revealSecret,
  type Secret,
  systemClock,
} from "../../../core/index.ts";
import { type HttpRequest, HttpTransport } from "../../http/transport.ts";
import { DATA_API_SERVICE, readDataApiError, withDetails } from "./errors.ts";

/** A user's token, or who knows it: asked before every attempt, so that a new one is used as soon as there is one. */
export type DataApiToken = string | Secret | (() => string | Secret | Promise<string | Secret>);

export interface DataApiOptions {
  /** `https://<endpoint>.apirest.<region>.aws.neon.tech/<database>/rest/v1` (NEON_DATA_API_URL). */
  readonly url: string;
  /** For calls that bring none (NEON_DATA_API_KEY). @defaultValue none: every call must bring one */
  readonly token?: DataApiToken | undefined;
  /** The policies that calls run under. @defaultValue one attempt under a deadline */
  readonly runner?: CallRunner | undefined;
  /** Deadline of a call, ms, 1 and above. @defaultValue 30,000 */
  readonly requestTimeoutMs?: number | undefined;
  /** @defaultValue the global `fetch`, looked up per request */
  readonly fetch?: FetchLike | undefined;
  readonly clock?: Clock | undefined;
}

/** The vendor's client; its calls give `{ data, error }`, see `dataApiError`. */
export type DataApiClient = InstanceType<typeof PostgrestClient>;

/** Neon's Data API: tables and functions over HTTP as the user of a token, whom row-level security holds. */
export class NeonDataApi {
  readonly #options: DataApiOptions;
  readonly #runner: CallRunner;

  /** @throws IntegrationError `INVALID_INPUT` naming every wrong option */
  constructor(options: DataApiOptions) {
    const { clock = systemClock, requestTimeoutMs = DEFAULT_DEADLINE_MS } = options;
    const problems = [
      !/^https?:$/.test(URL.parse(options.url)?.protocol ?? "") && "url must be an http(s) URL",
      !(requestTimeoutMs >= 1 && requestTimeoutMs < Infinity) && "requestTimeoutMs must be at least 1 ms and finite",
    ].filter((problem) => problem !== false);
    if (problems.length > 0) throw refused("INVALID_INPUT", `NeonDataApi: ${problems.join("; ")}`);
    this.#options = options;
    this.#runner = options.runner ?? directRunner({ clock });
  }

  /**
   * The vendor's client as one user: make one per request, it is cheap. Reads are retried, writes never; every call
   * has a deadline.
   *
   * @throws IntegrationError `FEATURE_DISABLED` without a token
   */
  as(token: DataApiToken | undefined = this.#options.token): DataApiClient {
    if (token === undefined)
      throw refused(
        "FEATURE_DISABLED",
        "give neon.dataApi a user's token, or set NEON_DATA_API_KEY for those that bring none",
      );
    return new PostgrestClient(this.#options.url.replace(/\/+$/, ""), { retry: false, fetch: this.#policed(token) });
  }

  /** Puts the vendor's requests under our policies. It sees the service's answer as it is; where there was none, our error. */
  #policed(token: DataApiToken): typeof fetch {
    const policed: FetchLike = async (input, init = {}) => {
      let answer: Response | undefined;
      try {
        return await this.#runner.run(this.#spec(input, init), async ({ signal }) => {
          answer = undefined;
          const request = { ...toRequest(input, init), signal };
          const headers = { ...request.headers, authorization: `Bearer ${await reveal(token)}` };
          return this.#perform({ ...request, headers }, (response) => (answer = response));
        });
      } catch (error) {
        if (answer) return answer;
        throw error;
      }
    };
    return policed as typeof fetch; // the vendor passes texts and URLs, never a Request
  }

  async #perform(request: HttpRequest, answered: (response: Response) => void): Promise<Response> {
    // The transport turns failures into errors; the vendor wants to read them itself.
    const seen = new HttpTransport({
      service: DATA_API_SERVICE,
      readError: readDataApiError,
      clock: this.#options.clock,
      fetch: async (input, init) => {
        const response = await withDetails(await (this.#options.fetch ?? globalThis.fetch)(input, init));
        answered(response.clone());
        return response;
      },
    });
    return seen.send(request);
  }

  #spec(input: string | URL, { method = "GET", signal }: RequestInit): CallSpec {
    const isRead = method === "GET" || method === "HEAD";
    return {
      service: DATA_API_SERVICE,
      operation: operationOf(String(input), method),
      idempotent: isRead,
      deadlineMs: this.#options.requestTimeoutMs ?? DEFAULT_DEADLINE_MS,
      ...(signal && { signal }),
    };
  }
}

const operations: Readonly<Record<string, string>> = {
  GET: "select",
  HEAD: "select",
  POST: "insert",
  PATCH: "update",
  DELETE: "delete",
};

/** One name per kind of call: tables and functions are unbounded. */
function operationOf(url: string, method: string): string {
  return /\/rpc\/[^/?]+(\?|$)/.test(url) ? "rpc" : (operations[method] ?? "other");
}

function toRequest(input: string | URL, { method = "GET", headers, body }: RequestInit): Omit<HttpRequest, "signal"> {
  return {
    method: method as HttpRequest["method"],
    url: input,
    headers: Object.fromEntries(new Headers(headers)),
    ...(body !== undefined && body !== null && { body }),
  };
}

/** @throws IntegrationError `INVALID_INPUT`; the token itself is not repeated */
async function reveal(token: DataApiToken): Promise<string> {
  const given = typeof token === "function" ? await token() : token;
  const text = revealSecret(given ?? "");
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw refused("INVALID_INPUT", "the Data API's token must be a non-empty text without spaces or control characters");
}

function refused(code: "INVALID_INPUT" | "FEATURE_DISABLED", message: string): IntegrationError {
  return new IntegrationError({ code, service: DATA_API_SERVICE, message });
}
