import { IntegrationError } from "../../core/index.ts";
import { type TinyFishApi } from "./api.ts";
import { type CreationJob, type RunCreator } from "./create-runs.ts";
import { addDetails, explainBetaGate } from "./errors.ts";
import { isOver } from "./outcome.ts";
import { poll, type PollOptions } from "./poll.ts";
import { readEvent, type RunProgress } from "./read-event.ts";
import { readRun, readText } from "./read-wire.ts";
import { type Run } from "./types.ts";

export interface StreamRunOptions {
  readonly api: TinyFishApi;
  readonly creator: RunCreator;
  readonly job: CreationJob;
  readonly body: Readonly<Record<string, unknown>>;
  readonly poll: PollOptions;
  readonly onRunId: (runId: string) => void;
  /** The order failed, and there is no run. */
  readonly onNoRun: () => void;
  /** Nobody wants the result any more; the id, if it was told. */
  readonly onGivenUp: (runId: string | undefined) => void;
}

/**
 * A new run's events, then the run when it is over. The service's stream cannot be resumed: where it breaks, falls silent
 * or ends too early, the run is polled instead, and its further steps are told as progress.
 */
export async function* streamRun(options: StreamRunOptions): AsyncGenerator<RunProgress, Run, undefined> {
  const { api, creator, job, onRunId } = options;
  const { call } = job;
  let runId: string | undefined;
  let isWanted = true;
  const learn = (id: string | undefined) => {
    if (id === undefined || runId !== undefined) return;
    runId = id;
    onRunId(id);
  };
  try {
    learn((await creator.earlier(job)).usable[0]);
    let told: Run | undefined;
    let progress = 0;
    if (runId === undefined) {
      let failure: unknown = endedEarly();
      try {
        for await (const event of api.streamRun(options.body, call)) {
          learn(readText(event, "run_id") ?? undefined);
          const read = readEvent(event);
          if (!read) {
            told = readRun(event);
            break;
          }
          if (read.type === "PROGRESS") progress += 1;
          yield read;
        }
      } catch (error) {
        call.signal.throwIfAborted();
        failure = error;
      }
      if (runId === undefined) learn(((await creator.resolve(job, failure)) ?? (await creator.create(job)))[0]);
    }
    const run = yield* follow(runId!, told, progress, options);
    isWanted = false;
    return run;
  } catch (error) {
    // A failure is no wish to stop: the run may still be read by its id, which the error tells.
    isWanted = call.signal.aborted;
    if (!isWanted && runId === undefined && !isOutcomeUnknown(error)) options.onNoRun();
    throw runId === undefined ? explainBetaGate(error, options.body) : addDetails(error, { runId });
  } finally {
    if (isWanted) options.onGivenUp(runId);
  }
}

/** @param told the run as the stream's last event told it; the service's own record is asked first */
async function* follow(
  runId: string,
  told: Run | undefined,
  progress: number,
  { api, job, poll: pollOptions }: StreamRunOptions,
): AsyncGenerator<RunProgress, Run, undefined> {
  let last: Run | undefined;
  let toldSteps = progress;
  try {
    for await (const run of poll(() => api.getRun(runId, job.call), isOver, pollOptions)) {
      last = run;
      if (told) continue;
      for (const step of run.steps.slice(toldSteps)) yield { type: "PROGRESS", runId, purpose: step.action ?? "" };
      toldSteps = Math.max(toldSteps, run.steps.length);
    }
    return last!;
  } catch (error) {
    if (!told || job.call.signal.aborted) throw error;
    return told;
  }
}

function isOutcomeUnknown(error: unknown): boolean {
  return IntegrationError.isInstance(error) && error.code === "OUTCOME_UNKNOWN";
}

function endedEarly(): IntegrationError {
  return new IntegrationError({
    code: "NETWORK",
    message: "tinyfish.streamRun: the event stream ended before the run did",
    service: "tinyfish",
    operation: "streamRun",
  });
}
