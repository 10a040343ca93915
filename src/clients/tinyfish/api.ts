import {
  type CallRunner,
  type CallSpec,
  type EventBus,
  type FetchLike,
  IntegrationError,
  type ReadOptions,
  runRead,
} from "../../core/index.ts";
import { type HttpRequest, HttpTransport } from "../http/transport.ts";
import { creationRefused, readError } from "./errors.ts";
import { type ResolvedTinyFishOptions } from "./options.ts";
import { answererOf } from "./quotas.ts";
import {
  field,
  readFetchFailure,
  readList,
  readNumber,
  readPage,
  readRun,
  readSearchResult,
  readStrings,
  readText,
  readWallet,
} from "./read-wire.ts";
import { given } from "./run-request.ts";
import { readServerEvents } from "./server-events.ts";
import {
  type CancelResult,
  type FetchResult,
  type ListRunsRequest,
  type Run,
  type RunsPage,
  type SearchPage,
  type TinyFishCallOptions,
  type WalletState,
} from "./types.ts";

type Operation =
  | "createRun"
  | "createBatch"
  | "streamRun"
  | "getRun"
  | "getRuns"
  | "listRuns"
  | "cancelRun"
  | "search"
  | "fetch"
  | "wallet";
type Body = Readonly<Record<string, unknown>>;

export interface ApiOptions extends ResolvedTinyFishOptions {
  readonly runner: CallRunner;
  readonly fetch?: FetchLike | undefined;
  readonly events?: EventBus | undefined;
  readonly limit?: CallSpec["limit"];
}

/** The endpoints: one method each, one request per attempt. Knows the wire, and nothing of runs' lives. */
export class TinyFishApi {
  readonly #options: ApiOptions;
  readonly #transport: HttpTransport;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#transport = new HttpTransport({
      service: "tinyfish",
      fetch: options.fetch,
      clock: options.clock,
      events: options.events,
      headers: { "x-api-key": options.apiKey, "user-agent": options.userAgent, accept: "application/json" },
      readError,
    });
  }

  /** Never retried unless it provably was not sent. @returns the new run's id */
  async createRun(body: Body, call: TinyFishCallOptions): Promise<string> {
    const answer = await this.#create("createRun", "/v1/automation/run-async", body, call);
    const id = readText(answer, "run_id");
    if (id === null) throw field(answer, "error") ? creationRefused(answer, "createRun") : noSense("createRun");
    return id;
  }

  /** All or nothing. Never retried unless it provably was not sent. @returns one id per run, in order */
  async createBatch(body: Body, call: TinyFishCallOptions): Promise<string[]> {
    const answer = await this.#create("createBatch", "/v1/automation/run-batch", body, call);
    const ids = readStrings(answer, "run_ids");
    if (ids.length === 0)
      throw field(answer, "error") ? creationRefused(answer, "createBatch") : noSense("createBatch");
    return ids;
  }

  /** A new run's events as the service tells them. Ends where the connection does, complete or not. */
  streamRun(body: Body, call: TinyFishCallOptions): AsyncGenerator<unknown, void, undefined> {
    const { runner, clock, streamStallMs, runDeadlineMs } = this.#options;
    const deadlineMs = call.deadlineMs ?? runDeadlineMs;
    const spec = { ...this.#spec("streamRun", call, { deadlineMs, isCharged: true }), attemptTimeoutMs: deadlineMs };
    const transport = this.#transport;
    const url = this.#agent("/v1/automation/run-sse");
    return runner.stream(spec, async function* ({ signal }) {
      const request: HttpRequest = {
        method: "POST",
        url,
        json: body,
        headers: { accept: "text/event-stream" },
        signal,
      };
      const response = await transport.send(request);
      const events = readServerEvents(response.body ?? emptyStream(), { clock, stallMs: streamStallMs });
      try {
        for (let next = await transport.read(request, () => events.next()); !next.done;) {
          yield next.value;
          next = await transport.read(request, () => events.next());
        }
      } finally {
        await events.return();
      }
    });
  }

  async getRun(runId: string, call: TinyFishCallOptions): Promise<Run> {
    const run = readRun(await this.#read("getRun", "GET", this.#agent(`/v1/runs/${encodeURIComponent(runId)}`), call));
    if (!run) throw noSense("getRun");
    return run;
  }

  /** @param runIds up to 100; those that the service does not know are left out */
  async getRuns(runIds: readonly string[], call: TinyFishCallOptions): Promise<Run[]> {
    const answer = await this.#read("getRuns", "POST", this.#agent("/v1/runs/batch"), call, { run_ids: runIds });
    return readList(answer, "data")
      .map(readRun)
      .filter((run) => run !== undefined);
  }

  async listRuns(request: ListRunsRequest): Promise<RunsPage> {
    const url = withQuery(this.#agent("/v1/runs"), {
      status: request.status,
      goal: request.goal,
      created_after: request.createdAfter,
      created_before: request.createdBefore,
      sort_direction: request.sort,
      cursor: request.cursor,
      limit: request.limit,
    });
    const answer = await this.#read("listRuns", "GET", url, request);
    const pagination = field(answer, "pagination");
    return {
      runs: readList(answer, "data")
        .map(readRun)
        .filter((run) => run !== undefined),
      total: readNumber(pagination, "total"),
      nextCursor: readText(pagination, "next_cursor"),
    };
  }

  /** Doing it twice is the same as doing it once. No write to a service that is read-only: refusing it would go on costing. */
  async cancelRun(runId: string, call: TinyFishCallOptions): Promise<CancelResult> {
    const url = this.#agent(`/v1/runs/${encodeURIComponent(runId)}/cancel`);
    const answer = await this.#read("cancelRun", "POST", url, call);
    return {
      runId: readText(answer, "run_id") ?? runId,
      status: readText(answer, "status")?.toUpperCase() ?? "UNKNOWN",
      cancelledAt: readText(answer, "cancelled_at"),
      message: readText(answer, "message"),
    };
  }

  /** @param runIds up to 100 */
  async cancelRuns(runIds: readonly string[], call: TinyFishCallOptions): Promise<void> {
    await this.#read("cancelRun", "POST", this.#agent("/v1/runs/batch/cancel"), call, { run_ids: runIds });
  }

  async search(query: Body, call: TinyFishCallOptions & ReadOptions): Promise<SearchPage> {
    const url = withQuery(this.#options.hosts.search, query);
    const answer = await this.#read("search", "GET", url, call, undefined, { isCharged: true });
    return {
      query: readText(answer, "query") ?? String(query["query"]),
      results: readList(answer, "results").map(readSearchResult),
      totalResults: readNumber(answer, "total_results"),
      page: readNumber(answer, "page") ?? 0,
    };
  }

  /** @param body up to ten `urls` */
  async fetch(body: Body, call: TinyFishCallOptions & ReadOptions): Promise<FetchResult> {
    const { hosts, fetchTimeoutMs } = this.#options;
    const keepIf = (answer: unknown) => readList(answer, "errors").length === 0;
    const policy = { isCharged: true, timeoutMs: fetchTimeoutMs, keepIf };
    const answer = await this.#read("fetch", "POST", hosts.fetch, call, body, policy);
    return {
      pages: readList(answer, "results").map(readPage),
      errors: readList(answer, "errors").map(readFetchFailure),
    };
  }

  async wallet(call: TinyFishCallOptions): Promise<WalletState> {
    return readWallet(await this.#read("wallet", "GET", this.#agent("/v1/wallet"), call));
  }

  async #create(operation: Operation, path: string, body: Body, call: TinyFishCallOptions): Promise<unknown> {
    const spec = this.#spec(operation, call, { deadlineMs: this.#options.timeoutMs, isCharged: true });
    return this.#options.runner.run(spec, ({ signal }) =>
      this.#transport.json({ method: "POST", url: this.#agent(path), json: body, signal }),
    );
  }

  async #read(
    operation: Operation,
    method: "GET" | "POST",
    url: string,
    call: TinyFishCallOptions & ReadOptions,
    json?: unknown,
    policy: { isCharged?: boolean; timeoutMs?: number; keepIf?: (answer: unknown) => boolean } = {},
  ): Promise<unknown> {
    const timeoutMs = policy.timeoutMs ?? this.#options.timeoutMs;
    const spec = {
      ...this.#spec(operation, call, { deadlineMs: 2 * timeoutMs, isCharged: policy.isCharged ?? false }),
      idempotent: true,
      attemptTimeoutMs: timeoutMs,
    };
    const request = { method, url, ...(json !== undefined && { json }) };
    const { runner, apiKey } = this.#options;
    const { cache, hedge, onMeta } = call;
    const asked = { cache, hedge, onMeta, facts: [url, json, apiKey], ...(policy.keepIf && { keepIf: policy.keepIf }) };
    return runRead<unknown>(runner, spec, asked, ({ signal }) => this.#transport.json({ ...request, signal }));
  }

  #spec(operation: Operation, call: TinyFishCallOptions, policy: { deadlineMs: number; isCharged: boolean }): CallSpec {
    const { limit } = this.#options;
    return {
      service: "tinyfish",
      operation,
      ...answererOf(operation),
      deadlineMs: Math.min(policy.deadlineMs, call.deadlineMs ?? Infinity),
      ...(policy.isCharged && limit && { limit }),
      ...(call.signal && { signal: call.signal }),
      ...(call.priority && { priority: call.priority }),
    };
  }

  #agent(path: string): string {
    return `${this.#options.hosts.agent}${path}`;
  }
}

function withQuery(address: string, query: Body): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(given(query)))
    url.searchParams.set(name, Array.isArray(value) ? value.join(",") : String(value));
  return url.href;
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

/** A 2xx without what was asked for: something may have happened all the same. */
function noSense(operation: Operation): IntegrationError {
  return new IntegrationError({
    code: "INVALID_OUTPUT",
    message: `tinyfish.${operation}: the answer holds no run id`,
    service: "tinyfish",
    operation,
  });
}
