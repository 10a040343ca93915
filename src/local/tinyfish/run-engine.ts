import { type Clock, describeThrown, sleep } from "../../core/index.ts";
import { extractAll, extractBySchema } from "./extract.ts";
import { type FetchedPage, fetchLoopback, isLoopback } from "./loopback-fetch.ts";
import { readMicrodata } from "./microdata.ts";
import { type RunRequest, type ListQuery } from "./requests.ts";
import { Run, type RunError, type RunKind, type RunStatus } from "./run.ts";
import { validateResult } from "./validate-result.ts";
import { type Wallet } from "./wallet.ts";

export interface RunEngineOptions {
  readonly clock: Clock;
  readonly wallet: Wallet;
  readonly maxConcurrentRuns: number;
  readonly stepDelayMs: number;
  /** Told once of each run that is over. */
  readonly onOver: (run: Run) => void;
}

const DEFAULT_MAX_STEPS = 150;
/** Runs kept for reading back; older ones that are over make room, so that a long benchmark does not fill the memory. */
const MAX_KEPT_RUNS = 1000;

/** Creates, queues and performs runs: PENDING until one of the account's slots is free, RUNNING, then one of three ends. */
export class RunEngine {
  readonly #options: RunEngineOptions;
  readonly #runs = new Map<string, Run>();
  readonly #queue: Run[] = [];
  #created = 0;
  #running = 0;
  #peakRunning = 0;

  constructor(options: RunEngineOptions) {
    this.#options = options;
  }

  get counts() {
    return {
      runsCreated: this.#created,
      running: this.#running,
      peakRunning: this.#peakRunning,
      queued: this.#queue.length,
    };
  }

  create(request: RunRequest, kind: RunKind): Run {
    const run = new Run(request, kind, this.#options.clock.wallNow());
    this.#created += 1;
    this.#runs.set(run.id, run);
    this.#forgetOldest();
    this.#queue.push(run);
    this.#startNext();
    return run;
  }

  get(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  list(query: ListQuery): {
    readonly data: readonly Run[];
    readonly total: number;
    readonly nextCursor: string | null;
  } {
    const goal = query.goal?.toLowerCase();
    const matching = [...this.#runs.values()].filter(
      (run) =>
        (query.status === undefined || run.status === query.status) &&
        (goal === undefined || run.request.goal.toLowerCase().includes(goal)) &&
        run.createdAt > (query.created_after ?? -Infinity) &&
        run.createdAt < (query.created_before ?? Infinity),
    );
    if (query.sort_direction === "desc") matching.reverse();
    const from = Number(query.cursor ?? 0);
    const to = from + query.limit;
    return {
      data: matching.slice(from, to),
      total: matching.length,
      nextCursor: to < matching.length ? String(to) : null,
    };
  }

  /** Ends a run that is not over yet. Runs of the synchronous endpoint cannot be cancelled. */
  cancel(run: Run): { readonly cancelled: boolean; readonly message: string | null } {
    if (run.isOver) return { cancelled: false, message: `the run is already ${run.status}` };
    if (run.kind === "sync") return { cancelled: false, message: "a synchronous run cannot be cancelled" };
    this.#finish(run, "CANCELLED");
    return { cancelled: true, message: null };
  }

  close(): void {
    for (const run of this.#runs.values()) if (!run.isOver) this.#finish(run, "CANCELLED");
  }

  #forgetOldest(): void {
    if (this.#runs.size <= MAX_KEPT_RUNS) return;
    for (const run of this.#runs.values()) if (run.isOver) return void this.#runs.delete(run.id);
  }

  #startNext(): void {
    while (this.#running < this.#options.maxConcurrentRuns) {
      const run = this.#queue.shift();
      if (!run) return;
      this.#running += 1;
      this.#peakRunning = Math.max(this.#peakRunning, this.#running);
      void this.#perform(run).finally(() => {
        this.#running -= 1;
        this.#startNext();
      });
    }
  }

  async #perform(run: Run): Promise<void> {
    run.status = "RUNNING";
    run.startedAt = this.#options.clock.wallNow();
    run.say({ type: "STARTED", run_id: run.id, timestamp: this.#timestamp() });
    try {
      const page = await this.#open(run);
      const data = await this.#step(run, `Read ${page.finalUrl}`, async () => readMicrodata(page.body, page.finalUrl));
      const schema = run.request.output_schema;
      run.result = await this.#step(run, `Extract what was asked for from "${data.title}"`, async () =>
        schema ? extractBySchema(data, schema) : extractAll(data),
      );
      if (schema) run.schemaValidation = validation(validateResult(run.result, schema));
      this.#finish(run, "COMPLETED");
    } catch (thrown) {
      this.#finish(run, "FAILED", thrown instanceof RunFailure ? thrown.error : systemFailure(thrown));
    }
  }

  async #open(run: Run): Promise<FetchedPage> {
    const { url } = run.request;
    if (!isLoopback(url))
      throw new RunFailure(
        "SITE_BLOCKED",
        `${new URL(url).host} is not on this machine: the local stand-in only visits loopback addresses`,
      );
    const page = await this.#step(run, `Open ${url}`, () =>
      fetchLoopback(url, run.stopped.signal).catch((cause: unknown) => {
        throw new RunFailure("TASK_FAILED", `${url} could not be opened: ${describeThrown(cause)}`);
      }),
    );
    if (page.status >= 400) throw new RunFailure("TASK_FAILED", `${page.finalUrl} answered ${page.status}`);
    return page;
  }

  /** One paid step: refused when the money, the steps or the time are used up. */
  async #step<T>(run: Run, purpose: string, act: () => Promise<T>): Promise<T> {
    const { clock, wallet, stepDelayMs } = this.#options;
    run.stopped.signal.throwIfAborted();
    const { max_steps = DEFAULT_MAX_STEPS, max_duration_seconds = Infinity } = run.request.agent_config ?? {};
    if (run.steps.length >= max_steps)
      throw new RunFailure("MAX_STEPS_EXCEEDED", `the goal needs more than ${max_steps} steps`);
    if (clock.wallNow() - run.startedAt! > max_duration_seconds * 1000)
      throw new RunFailure("TIMEOUT", `the goal needs more than ${max_duration_seconds} s`);
    if (!wallet.payStep()) throw new RunFailure("INSUFFICIENT_CREDITS", "the wallet is empty", "BILLING_FAILURE");
    const startedAt = clock.now();
    const timestamp = this.#timestamp();
    run.say({ type: "PROGRESS", run_id: run.id, purpose, timestamp });
    try {
      const value = await act();
      if (stepDelayMs > 0) await sleep(stepDelayMs, clock, run.stopped.signal);
      return value;
    } finally {
      const duration = `${((clock.now() - startedAt) / 1000).toFixed(1)}s`;
      const id = `step_${run.steps.length + 1}`;
      run.steps.push({ id, timestamp, status: "COMPLETED", action: purpose, screenshot: null, duration });
      run.changed();
    }
  }

  #finish(run: Run, status: RunStatus, error: RunError | null = null): void {
    if (run.isOver) return;
    const place = this.#queue.indexOf(run);
    if (place >= 0) this.#queue.splice(place, 1);
    run.status = status;
    run.error = error;
    run.finishedAt = this.#options.clock.wallNow();
    const { help_url, help_message } = error ?? {};
    run.say({
      type: "COMPLETE",
      run_id: run.id,
      status,
      result: run.result,
      // On this event alone the error is a string, with its help beside it.
      error: error?.message ?? null,
      ...(help_url !== undefined && { help_url, help_message }),
      timestamp: this.#timestamp(),
    });
    run.stopped.abort(new Error(`the run is ${status}`));
    this.#options.onOver(run);
  }

  #timestamp(): string {
    return new Date(this.#options.clock.wallNow()).toISOString();
  }
}

class RunFailure extends Error {
  readonly error: RunError;

  constructor(code: string, message: string, category = "AGENT_FAILURE") {
    super(message);
    const help = { help_url: "https://docs.tinyfish.ai/error-codes", help_message: `See ${code}` };
    this.error = { code, message, category, retry_after: null, ...help };
  }
}

function systemFailure(thrown: unknown): RunError {
  return { code: "INTERNAL_ERROR", message: describeThrown(thrown), category: "SYSTEM_FAILURE", retry_after: 5 };
}

/** The service prompts its model again up to twice before it gives an invalid result out. */
function validation(errors: ReturnType<typeof validateResult>): Run["schemaValidation"] {
  const valid = errors.length === 0;
  return { valid, re_prompt_attempts: valid ? 0 : 2, errors };
}
