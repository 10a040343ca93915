import { type Clock, IntegrationError, sleep } from "../../core/index.ts";
import { type TinyFishApi } from "./api.ts";
import { isAmbiguous } from "./errors.ts";
import { type Run, type TinyFishCallOptions } from "./types.ts";

/** One creation: how to ask for it, and the reference by which its runs are found again. */
export interface CreationJob {
  /** In every goal of it, see {@link tagGoal}. */
  readonly ref: string;
  /** Ids of one POST's runs. */
  readonly post: () => Promise<readonly string[]>;
  /** The caller named the work: a run of an earlier call or process counts. */
  readonly isNamed: boolean;
  readonly call: TinyFishCallOptions & { readonly signal: AbortSignal };
}

const MAX_POSTS = 2;
/** Such a run will give no result: the same work may be ordered again. */
const lost = new Set(["FAILED", "CANCELLED"]);

/** Adds the reference to a goal: the only text of ours that the service's list can be searched by. */
export function tagGoal(goal: string, ref: string, index?: number): string {
  return `${goal}\n[ref:${ref}${index === undefined ? "" : `.${index}`}]`;
}

/**
 * Creates runs without ever paying twice for one. The service knows no idempotency keys, so a POST whose answer was lost
 * is not repeated blindly: the list is searched for the reference first, twice, and only a run that is nowhere is
 * ordered again, once.
 */
export class RunCreator {
  readonly #api: TinyFishApi;
  readonly #clock: Clock;
  readonly #waitsMs: readonly number[];

  constructor(deps: {
    readonly api: TinyFishApi;
    readonly clock: Clock;
    readonly reconcileWaitsMs: readonly number[];
  }) {
    this.#api = deps.api;
    this.#clock = deps.clock;
    this.#waitsMs = deps.reconcileWaitsMs;
  }

  /** @throws IntegrationError OUTCOME_UNKNOWN if it stays open whether a run was created; `details.ref` finds it */
  async create(job: CreationJob): Promise<readonly string[]> {
    const { usable, known } = await this.earlier(job);
    if (usable.length > 0) return usable;
    for (let posts = 1; ; posts += 1) {
      try {
        return await job.post();
      } catch (error) {
        if (job.call.signal.aborted) throw job.call.signal.reason;
        const found = await this.resolve(job, error, known);
        if (found) return found;
        if (posts === MAX_POSTS) throw unknownOutcome(job.ref, error);
      }
    }
  }

  /** Runs that an earlier call ordered for the same named work: those that serve, and all. */
  async earlier(
    job: CreationJob,
  ): Promise<{ readonly usable: readonly string[]; readonly known: ReadonlySet<string> }> {
    const runs = job.isNamed ? await this.find(job.ref, job.call) : [];
    return { usable: idsOf(runs.filter((run) => !lost.has(run.status))), known: new Set(runs.map((run) => run.runId)) };
  }

  /**
   * What became of a creation that failed: its runs' ids, or nothing if there are none.
   *
   * @throws the failure itself if it proves that nothing was created; OUTCOME_UNKNOWN if the service cannot be asked
   */
  async resolve(
    job: CreationJob,
    failure: unknown,
    known: ReadonlySet<string> = new Set(),
  ): Promise<readonly string[] | undefined> {
    // Some failures bring the run along: a 500 whose body is the run.
    const told = IntegrationError.isInstance(failure) ? failure.details?.["runId"] : undefined;
    if (typeof told === "string") return [told];
    if (!isAmbiguous(failure)) throw failure;
    for (const waitMs of this.#waitsMs) {
      await sleep(waitMs, this.#clock, job.call.signal);
      const found = await this.find(job.ref, job.call).catch((cause: unknown) => {
        job.call.signal.throwIfAborted();
        throw unknownOutcome(job.ref, cause);
      });
      const fresh = found.filter((run) => !known.has(run.runId));
      if (fresh.length > 0) return idsOf(fresh);
    }
    return undefined;
  }

  /** Without bounds on the date: a wrong clock here must not hide a paid run. */
  async find(ref: string, call: TinyFishCallOptions): Promise<readonly Run[]> {
    const { runs } = await this.#api.listRuns({ ...call, goal: `[ref:${ref}`, limit: 100 });
    return runs.filter((run) => run.goal === "" || run.goal.includes(`[ref:${ref}`));
  }
}

/** In the order of the batch: by the index in the reference. */
function idsOf(runs: readonly Run[]): string[] {
  const index = (run: Run) => Number(/\[ref:[^\].]+\.(\d+)\]/.exec(run.goal)?.[1] ?? 0);
  return [...runs].sort((one, other) => index(one) - index(other)).map((run) => run.runId);
}

function unknownOutcome(ref: string, cause: unknown): IntegrationError {
  return new IntegrationError({
    code: "OUTCOME_UNKNOWN",
    message:
      `tinyfish.createRun: the answer was lost, and it could not be settled whether a run was created; ` +
      `look for "[ref:${ref}" in the goals of runs.list before you try again`,
    service: "tinyfish",
    operation: "createRun",
    details: { ref },
    cause,
  });
}
