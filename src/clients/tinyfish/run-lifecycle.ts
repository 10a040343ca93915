import { createHash, randomBytes } from "node:crypto";
import { type EventBus, IntegrationError, type Redact, redactThrown } from "../../core/index.ts";
import { type TinyFishApi } from "./api.ts";
import { ConcurrencyGate } from "./concurrency-gate.ts";
import { type CreationJob, RunCreator, tagGoal } from "./create-runs.ts";
import { DailyBudget, type Reservation } from "./daily-budget.ts";
import { addDetails, explainBetaGate } from "./errors.ts";
import { type ResolvedTinyFishOptions } from "./options.ts";
import { endOf, isOver, type OutputReader, stepsOf, unwrapEnd } from "./outcome.ts";
import { poll, type PollOptions } from "./poll.ts";
import { prepareRun, type PreparedRun } from "./run-request.ts";
import { streamRun } from "./stream-run.ts";
import {
  type Run,
  type RunEnd,
  type RunEvent,
  type RunOutcome,
  type RunRequest,
  type TinyFishCallOptions,
} from "./types.ts";

/** A call under way: its signal fires on the caller's abort, the deadline or the client's end. */
export type ActiveCall = TinyFishCallOptions & { readonly signal: AbortSignal };

/** How long the cancelling of a run that nobody waits for any more may take, ms. */
const CANCEL_TIMEOUT_MS = 5000;

/** Runs from their order to their end: a place, a reservation, one creation, polling, settlement. */
export class RunLifecycle {
  readonly budget: DailyBudget;
  readonly #api: TinyFishApi;
  readonly #options: ResolvedTinyFishOptions;
  readonly #events: EventBus | undefined;
  readonly #redact: Redact | undefined;
  readonly #gate: ConcurrencyGate;
  readonly #creator: RunCreator;
  /** Takes work that goes on after the caller got an answer. */
  readonly #background: (work: Promise<unknown>) => void;

  constructor(deps: {
    readonly api: TinyFishApi;
    readonly options: ResolvedTinyFishOptions;
    readonly events: EventBus | undefined;
    readonly redact: Redact | undefined;
    readonly background: (work: Promise<unknown>) => void;
  }) {
    const { clock, reconcileWaitsMs, dailyBudgetUsd, maxConcurrentRuns } = deps.options;
    this.#api = deps.api;
    this.#options = deps.options;
    this.#events = deps.events;
    this.#redact = deps.redact;
    this.#background = deps.background;
    this.#gate = new ConcurrencyGate(maxConcurrentRuns);
    this.#creator = new RunCreator({ api: deps.api, clock, reconcileWaitsMs });
    this.budget = new DailyBudget(dailyBudgetUsd, clock);
  }

  async run<T>(request: RunRequest<T>, call: ActiveCall): Promise<RunOutcome<T>> {
    const prepared = prepareRun(request);
    const leave = await this.#gate.enter(call.signal);
    try {
      const runId = await this.start(request, call, prepared);
      const run = await this.wait(runId, call, "cancel");
      return unwrapEnd(this.#endOf(run, prepared.output));
    } finally {
      leave();
    }
  }

  async start<T>(request: RunRequest<T>, call: ActiveCall, prepared = prepareRun(request)): Promise<string> {
    const order = this.#order(request, call, prepared);
    const [runId] = await this.#create(order.job, order.reservation, order.body);
    return runId!;
  }

  async *stream<T>(request: RunRequest<T>, call: ActiveCall): AsyncGenerator<RunEvent<T>, void, undefined> {
    const prepared = prepareRun(request);
    const leave = await this.#gate.enter(call.signal);
    try {
      const { job, body, reservation } = this.#order(request, call, prepared);
      const run = yield* streamRun({
        api: this.#api,
        creator: this.#creator,
        job,
        body,
        poll: this.#pollOptions(call),
        onRunId: (runId) => reservation.bind([runId]),
        onNoRun: () => reservation.release(),
        onGivenUp: (runId) => (runId === undefined ? this.#cancelByRef(job.ref, reservation) : this.#cancel([runId])),
      });
      this.observe(run, "announce");
      const end = this.#endOf(run, prepared.output);
      yield { type: "COMPLETE", runId: run.runId, status: run.status, run, ...end };
    } finally {
      leave();
    }
  }

  /** Not held back by the gate: the service takes the whole batch at once and queues it. */
  async batch<T>(
    requests: readonly RunRequest[],
    output: RunRequest<T>["output"],
    call: ActiveCall,
  ): Promise<readonly RunEnd<T>[]> {
    const prepared = requests.map((request) => prepareRun<T>({ ...request, output }));
    const ref = newRef();
    const runs = prepared.map(({ body: { output_schema: _, ...body } }, index) => ({
      ...body,
      goal: tagGoal(requests[index]!.goal, ref, index),
    }));
    const schema = prepared[0]?.body["output_schema"];
    const body = { runs, ...(schema !== undefined && { output_schema: schema }) };
    const worstSteps = prepared.reduce((sum, { worstSteps }) => sum + worstSteps, 0);
    const reservation = this.budget.reserve(worstSteps * this.#options.usdPerStep);
    const job = { ref, isNamed: false, call, post: () => this.#api.createBatch(body, call) };
    const runIds = await this.#create(job, reservation, body);
    const finished = await this.#waitForAll(runIds, call);
    return runIds.map((id) => this.#endOf(finished.get(id)!, prepared[0]!.output));
  }

  async wait(runId: string, call: ActiveCall, onGiveUp: "cancel" | "leave"): Promise<Run> {
    try {
      let last: Run | undefined;
      for await (const run of poll(() => this.#api.getRun(runId, call), isOver, this.#pollOptions(call))) last = run;
      this.observe(last!, "announce");
      return last!;
    } catch (error) {
      if (call.signal.aborted && onGiveUp === "cancel") this.#cancel([runId]);
      throw addDetails(call.signal.aborted ? call.signal.reason : error, { runId });
    }
  }

  /** A run was seen: if it is over, its price is known; `announce` tells listeners, once per call that waited for it. */
  observe(run: Run, announce?: "announce"): void {
    if (!isOver(run)) return;
    const steps = stepsOf(run);
    this.budget.settle(run.runId, steps * this.#options.usdPerStep);
    if (announce) this.#events?.emit("run.finished", { status: run.status, steps });
  }

  /** Why a run failed is told in an answer, so that no failed call has cleaned it. */
  #endOf<T>(run: Run, output: OutputReader<T> | undefined): RunEnd<T> {
    const end = endOf(run, output, this.#options.usdPerStep);
    if (end.error && this.#redact) redactThrown(end.error, this.#redact);
    return end;
  }

  #order<T>(request: RunRequest<T>, call: ActiveCall, prepared: PreparedRun<T>) {
    const { idempotencyKey } = request;
    const ref = idempotencyKey === undefined ? newRef() : namedRef(idempotencyKey);
    const reservation = this.budget.reserve(prepared.worstSteps * this.#options.usdPerStep);
    const body = { ...prepared.body, goal: tagGoal(request.goal, ref) };
    const post = async () => [await this.#api.createRun(body, call)];
    const job: CreationJob = { ref, isNamed: idempotencyKey !== undefined, call, post };
    return { job, body, reservation };
  }

  async #create(job: CreationJob, reservation: Reservation, body: object): Promise<readonly string[]> {
    try {
      const runIds = await this.#creator.create(job);
      reservation.bind(runIds);
      return runIds;
    } catch (error) {
      if (job.call.signal.aborted) this.#cancelByRef(job.ref, reservation);
      else if (!IntegrationError.isInstance(error) || error.code !== "OUTCOME_UNKNOWN") reservation.release();
      throw explainBetaGate(error, body);
    }
  }

  async #waitForAll(runIds: readonly string[], call: ActiveCall): Promise<ReadonlyMap<string, Run>> {
    const finished = new Map<string, Run>();
    const look = async () => {
      const pending = runIds.filter((id) => !finished.has(id));
      for (const run of await this.#api.getRuns(pending, call)) {
        if (!isOver(run)) continue;
        finished.set(run.runId, run);
        this.observe(run, "announce");
      }
    };
    try {
      for await (const _ of poll(look, () => finished.size === runIds.length, this.#pollOptions(call)));
      return finished;
    } catch (error) {
      if (call.signal.aborted) this.#cancel(runIds.filter((id) => !finished.has(id)));
      throw addDetails(call.signal.aborted ? call.signal.reason : error, { runIds });
    }
  }

  /** Nobody waits for the answer, so that an abort is answered at once; the client's end does. */
  #cancel(runIds: readonly string[]): void {
    const call = { deadlineMs: CANCEL_TIMEOUT_MS };
    const [only] = runIds;
    this.#background(runIds.length === 1 ? this.#api.cancelRun(only!, call) : this.#api.cancelRuns(runIds, call));
  }

  /** The order may have arrived although its answer did not. */
  #cancelByRef(ref: string, reservation: Reservation): void {
    const work = async () => {
      const runs = await this.#creator.find(ref, { deadlineMs: CANCEL_TIMEOUT_MS });
      const runIds = runs.map((run) => run.runId);
      if (runIds.length === 0) return reservation.release();
      reservation.bind(runIds);
      this.#cancel(runIds);
    };
    this.#background(work());
  }

  #pollOptions({ signal }: ActiveCall): PollOptions {
    const { clock, random, minPollMs, maxPollMs } = this.#options;
    return { clock, random, signal, minPollMs, maxPollMs };
  }
}

/** Short enough for a goal, and not to be guessed: a goal that quotes another run's must not be taken for it. */
function newRef(): string {
  return randomBytes(8).toString("hex");
}

function namedRef(idempotencyKey: string): string {
  return createHash("sha256").update(`tinyfish-run:${idempotencyKey}`).digest("hex").slice(0, 24);
}
