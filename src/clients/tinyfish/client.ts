import {
  abortedError,
  type CallScopes,
  type CallSpec,
  deadlineOf,
  directRunner,
  IntegrationError,
  LinkedSignal,
  type ReadOptions,
  type Redact,
  redactThrown,
  sleep,
  timeoutError,
} from "../../core/index.ts";
import { TinyFishApi } from "./api.ts";
import { orUndefined } from "./errors.ts";
import { fetchInChunks } from "./fetch-in-chunks.ts";
import { resolveTinyFishOptions, type ResolvedTinyFishOptions, type TinyFishClientOptions } from "./options.ts";
import { type ActiveCall, RunLifecycle } from "./run-lifecycle.ts";
import { given, invalidInput } from "./run-request.ts";
import {
  type CancelResult,
  type FetchRequest,
  type FetchResult,
  type ListRunsRequest,
  type Run,
  type RunEnd,
  type RunEvent,
  type RunOutcome,
  type RunRequest,
  type RunsPage,
  type SearchPage,
  type SearchRequest,
  type TinyFishCallOptions,
  type TinyFishHealth,
  type WalletState,
} from "./types.ts";

/** What can be done with runs by their id. */
export interface TinyFishRuns {
  /** @throws IntegrationError NOT_FOUND */
  get(runId: string, options?: TinyFishCallOptions): Promise<Run>;
  list(request?: ListRunsRequest): Promise<RunsPage>;
  /** Idempotent. A run that is over stays as it is. */
  cancel(runId: string, options?: TinyFishCallOptions): Promise<CancelResult>;
  /**
   * Polls until the run is over, whichever way: look at `status`.
   *
   * @param options.onGiveUp what becomes of the run on abort or deadline. @defaultValue "cancel"
   */
  wait(runId: string, options?: TinyFishCallOptions & { readonly onGiveUp?: "cancel" | "leave" }): Promise<Run>;
}

export interface RunBatchRequest<T = unknown> extends TinyFishCallOptions {
  /** 1 to 100; created all or none. */
  readonly runs: readonly Omit<RunRequest, "output" | "idempotencyKey" | keyof TinyFishCallOptions>[];
  /** One shape for all results. */
  readonly output?: RunRequest<T>["output"];
}

/** What creates runs: a deadline leaves open what became of them. */
const paid = new Set(["run", "stream", "start", "runBatch"]);
/** How long a probe may take, ms. */
const HEALTH_TIMEOUT_MS = 5000;

/**
 * TinyFish: web agents, search and fetch. A run is never paid twice, a stream survives its connection, results are typed.
 *
 * @example
 * const tinyfish = new TinyFishClient({ apiKey });
 * const { result } = await tinyfish.run({ url, goal: "List the houses", output: z.object({ houses: z.array(House) }) });
 */
export class TinyFishClient {
  readonly runs: TinyFishRuns;
  readonly #options: ResolvedTinyFishOptions;
  readonly #scopes: CallScopes | undefined;
  readonly #redact: Redact | undefined;
  readonly #api: TinyFishApi;
  readonly #probe: TinyFishApi;
  readonly #lifecycle: RunLifecycle;
  readonly #calls = new Set<Promise<void>>();
  readonly #streams = new Set<Promise<void>>();
  readonly #background = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();
  #closing: Promise<void> | undefined;

  /** @throws IntegrationError INVALID_INPUT naming every bad option */
  constructor(options: TinyFishClientOptions) {
    this.#options = resolveTinyFishOptions(options);
    this.#scopes = options.scopes;
    const { clock } = this.#options;
    const wire = { ...this.#options, fetch: options.fetch, events: options.events };
    const runner = options.runner ?? directRunner({ clock });
    this.#redact = runner.redact;
    this.#api = new TinyFishApi({ ...wire, runner, ...(options.limit && { limit: options.limit }) });
    this.#probe = new TinyFishApi({ ...wire, runner: directRunner({ clock }) });
    this.#lifecycle = new RunLifecycle({
      api: this.#api,
      options: this.#options,
      events: options.events,
      redact: this.#redact,
      background: (work) => this.#inBackground(work),
    });
    this.runs = {
      get: (runId, call = {}) => this.#call("getRun", call, (active) => this.#get(runId, active)),
      list: (request = {}) =>
        this.#call("listRuns", request, ({ signal }) => this.#api.listRuns({ ...request, signal })),
      cancel: (runId, call = {}) => this.#call("cancelRun", call, (active) => this.#api.cancelRun(runId, active)),
      wait: (runId, { onGiveUp = "cancel", ...call } = {}) =>
        this.#call("wait", this.#runDeadline(call), (active) => this.#lifecycle.wait(runId, active, onGiveUp)),
    };
  }

  /** What was spent and set aside today by this client, USD. */
  get spentTodayUsd(): number {
    return this.#lifecycle.budget.usedUsd;
  }

  /**
   * Orders a run and waits for its typed result. The goal gets a short `[ref:…]`, by which a run whose order was not
   * confirmed is found again instead of paid again. Abort or deadline cancel the run at the service.
   *
   * A completed run whose result does not fit `output`, or says that the goal was missed, is an error.
   *
   * @throws IntegrationError INVALID_INPUT, INVALID_OUTPUT (`details.issues`), UPSTREAM_STATUS (the run failed:
   * `details.tinyfishCode`, `category`), FORBIDDEN (money, beta features), BUDGET_EXHAUSTED, OUTCOME_UNKNOWN
   * (`details.ref`), DEADLINE_EXCEEDED, ABORTED, CLOSED; `details.runId` names the run where there is one
   */
  run<T = unknown>(request: RunRequest<T>): Promise<RunOutcome<T>> {
    return this.#call("run", this.#runDeadline(request), (call) => this.#lifecycle.run(request, call));
  }

  /**
   * Like {@link run}, told as it happens. Ends with exactly one `COMPLETE`, which holds what `run` returns or the error
   * that it throws; a failure to learn how the run ended is thrown. Leaving the loop early cancels the run.
   */
  async *stream<T = unknown>(request: RunRequest<T>): AsyncGenerator<RunEvent<T>, void, undefined> {
    const { active, finish } = this.#begin("stream", this.#runDeadline(request), this.#streams);
    try {
      yield* this.#lifecycle.stream(request, active);
    } catch (error) {
      throw this.#failure(error, active);
    } finally {
      finish();
    }
  }

  /**
   * Orders a run and returns at once; {@link TinyFishRuns.wait} gets its end. It takes no place among
   * `maxConcurrentRuns`, and counts at its worst price until this client sees its end.
   */
  start(request: RunRequest): Promise<{ readonly runId: string }> {
    return this.#call("start", request, async (call) => ({ runId: await this.#lifecycle.start(request, call) }));
  }

  /** Orders up to 100 runs at once and waits for all. @returns how each ended, in order; one's failure is not the others' */
  runBatch<T = unknown>(request: RunBatchRequest<T>): Promise<readonly RunEnd<T>[]> {
    return this.#call("runBatch", this.#runDeadline(request), async (call) => {
      const { runs, output } = request;
      if (runs.length < 1 || runs.length > 100)
        throw invalidInput("runBatch", [`runs must be 1 to 100, got ${runs.length}`]);
      return this.#lifecycle.batch(runs, output, call);
    });
  }

  search(request: SearchRequest): Promise<SearchPage> {
    return this.#call("search", request, async (call) => {
      if (request.query.trim() === "") throw invalidInput("search", ["query must not be empty"]);
      const query = given({
        query: request.query,
        purpose: request.purpose,
        location: request.location,
        language: request.language,
        domain_type: request.domainType,
        recency_minutes: request.recencyMinutes,
        after_date: request.afterDate,
        before_date: request.beforeDate,
        include_domains: request.includeDomains,
        exclude_domains: request.excludeDomains,
        page: request.page,
      });
      return this.#api.search(query, { ...call, ...readOptions(request) });
    });
  }

  /** Pages as text. @returns what was got and, URL by URL, what was not */
  fetch(request: FetchRequest): Promise<FetchResult> {
    return this.#call("fetch", request, (call) =>
      fetchInChunks(request, (body) => this.#api.fetch(body, { ...call, ...readOptions(request) })),
    );
  }

  /** @returns undefined for an account with credits of the old kind, which has no wallet */
  wallet(options: TinyFishCallOptions = {}): Promise<WalletState | undefined> {
    return this.#call("wallet", options, (call) => orUndefined(this.#api.wallet(call)));
  }

  /** One cheap request past retries, breaker and limits. Never rejects. */
  async health(signal?: AbortSignal): Promise<TinyFishHealth> {
    const { clock } = this.#options;
    const startedAt = clock.now();
    const report = (status: TinyFishHealth["status"], detail?: string): TinyFishHealth => ({
      status,
      ...(detail !== undefined && { detail }),
      latencyMs: clock.now() - startedAt,
    });
    if (this.#closing) return report("down", "the client is closed");
    try {
      const wallet = await orUndefined(this.#probe.wallet({ signal, deadlineMs: HEALTH_TIMEOUT_MS }));
      return wallet && wallet.availableUsd <= 0 ? report("degraded", "the wallet is empty") : report("up");
    } catch (error) {
      return report("down", (error as Error).message);
    }
  }

  /** Takes no more calls, lets those under way finish, then ends them and cancels their runs. Idempotent. @defaultValue timeoutMs 10000 */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return (this.#closing ??= this.#close(options.timeoutMs ?? 10_000));
  }

  async #close(timeoutMs: number): Promise<void> {
    const waited = new AbortController();
    const drained = Promise.allSettled([...this.#calls, ...this.#streams]).then(() => waited.abort());
    if (this.#calls.size + this.#streams.size > 0)
      await Promise.race([drained, sleep(timeoutMs, this.#options.clock, waited.signal).catch(() => undefined)]);
    this.#stop.abort(closedError());
    waited.abort();
    // A stream ends when its reader comes back; its connection is gone already.
    await Promise.allSettled(this.#calls);
    while (this.#background.size > 0) await Promise.allSettled(this.#background);
  }

  async #get(runId: string, call: ActiveCall): Promise<Run> {
    const run = await this.#api.getRun(runId, call);
    this.#lifecycle.observe(run);
    return run;
  }

  #runDeadline<C extends TinyFishCallOptions>(call: C): TinyFishCallOptions {
    const { runDeadlineMs } = this.#options;
    return { ...call, deadlineMs: Math.min(call.deadlineMs ?? runDeadlineMs, runDeadlineMs) };
  }

  async #call<T>(operation: string, call: TinyFishCallOptions, act: (active: ActiveCall) => Promise<T>): Promise<T> {
    const { active, finish } = this.#begin(operation, call, this.#calls);
    try {
      active.signal.throwIfAborted();
      return await act(active);
    } catch (error) {
      throw this.#failure(error, active);
    } finally {
      finish();
    }
  }

  /** The caller's wish where there was one. A refusal may come in an answer, so that no failed call has cleaned it. */
  #failure(error: unknown, { signal }: ActiveCall): unknown {
    if (signal.aborted) return signal.reason;
    return this.#redact ? redactThrown(error, this.#redact) : error;
  }

  /** One signal for the caller's abort, the request's scope, the deadline and the client's end. */
  #begin(
    operation: string,
    call: TinyFishCallOptions,
    kind: Set<Promise<void>>,
  ): { active: ActiveCall; finish: () => void } {
    if (this.#closing) throw closedError();
    const { clock } = this.#options;
    const spec: CallSpec = { service: "tinyfish", operation, idempotent: !paid.has(operation) };
    const own = deadlineOf({ ...spec, ...given({ deadlineMs: call.deadlineMs }) }, Infinity, clock, this.#scopes);
    const deadlineMs = Math.min(own, call.parent?.deadlineAt ?? Infinity) - clock.now();
    const linked = new LinkedSignal()
      .follow(call.signal, (cause) => abortedError(spec, cause))
      .follow(call.parent?.signal, (cause) => abortedError(spec, cause))
      .follow(this.#scopes?.current?.signal, (cause) => abortedError(spec, cause))
      .follow(this.#stop.signal, closedError)
      .after(deadlineMs, clock, () => timeoutError("DEADLINE_EXCEEDED", spec, deadlineMs));
    let settle: () => void = () => undefined;
    const settled = new Promise<void>((resolve) => (settle = resolve));
    kind.add(settled);
    const finish = () => {
      linked.dispose();
      kind.delete(settled);
      settle();
    };
    return { active: { signal: linked.signal, priority: call.priority }, finish };
  }

  #inBackground(work: Promise<unknown>): void {
    const settled = work.catch(() => undefined).finally(() => this.#background.delete(settled));
    this.#background.add(settled);
  }
}

const readOptions = ({ cache, hedge, onMeta }: ReadOptions): ReadOptions => ({ cache, hedge, onMeta });

function closedError(): IntegrationError {
  return new IntegrationError({ code: "CLOSED", message: "tinyfish: the client is closed", service: "tinyfish" });
}
