import { IntegrationError } from "../../core/index.ts";
import { type z } from "zod";
import { type TinyFishSchema } from "./output-schema.ts";
import { parseOutput } from "./parse-output.ts";
import { type Run, type RunEnd, type RunOutcome } from "./types.ts";

/** What a run's result is read by. */
export interface OutputReader<T> {
  readonly zod: z.ZodType<T>;
  readonly wire: TinyFishSchema;
}

/** A status that this version does not know is over when the service says when. */
export function isOver(run: Run): boolean {
  return ["COMPLETED", "FAILED", "CANCELLED"].includes(run.status) || run.finishedAt !== null;
}

export function stepsOf(run: Run): number {
  return run.numberOfSteps ?? run.steps.length;
}

/** How a run that is over ended: its typed result, or the error to throw. */
export function endOf<T>(run: Run, output: OutputReader<T> | undefined, usdPerStep: number): RunEnd<T> {
  if (run.status !== "COMPLETED") return { error: runError(run) };
  const reason = saidFailure(run, output);
  if (reason !== undefined) return { error: outputError(run, `the agent says that it failed: ${reason}`) };
  const steps = stepsOf(run);
  const outcome = (result: T): RunEnd<T> => ({
    outcome: { runId: run.runId, result, steps, costUsd: steps * usdPerStep, run },
  });
  if (!output) return outcome(run.result as T);
  const parsed = parseOutput(output.zod, output.wire.unwrap(run.result));
  if (parsed.success) return outcome(parsed.data);
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  const words = issues.slice(0, 3).map((issue) => `${issue.path || "result"}: ${issue.message}`);
  return { error: outputError(run, `its result does not fit the schema: ${words.join("; ")}`, issues, parsed.error) };
}

/** @returns the outcome, or throws what stands in its place */
export function unwrapEnd<T>(end: RunEnd<T>): RunOutcome<T> {
  if (end.error) throw end.error;
  return end.outcome;
}

/**
 * `COMPLETED` says that the machinery worked, not that the goal was reached: agents report failure inside the result.
 * A property that the caller's schema asks for is an answer, not such a report.
 */
function saidFailure(run: Run, output: OutputReader<unknown> | undefined): string | undefined {
  const { result } = run;
  if (typeof result !== "object" || result === null || Array.isArray(result)) return undefined;
  const asked = new Set(Object.keys(output?.wire.schema["properties"] ?? {}));
  const { status, success, error, reason, message } = result as Record<string, unknown>;
  const says = (name: string, failed: boolean) => failed && !asked.has(name);
  const failed =
    says("status", typeof status === "string" && /^(failure|failed|error|blocked)$/i.test(status)) ||
    says("success", success === false) ||
    says("error", typeof error === "string" && error !== "");
  if (!failed) return undefined;
  return (
    ([error, reason, message].find((each) => typeof each === "string" && each !== "") as string | undefined) ??
    "no reason given"
  );
}

function outputError(run: Run, problem: string, issues?: readonly object[], cause?: unknown): IntegrationError {
  const { runId, schemaValidation } = run;
  return new IntegrationError({
    code: "INVALID_OUTPUT",
    message: `tinyfish.run: run ${runId} completed, but ${problem}`,
    service: "tinyfish",
    operation: "run",
    details: { runId, steps: stepsOf(run), ...(issues && { issues }), ...(schemaValidation && { schemaValidation }) },
    cause,
  });
}

/** A failed run is over: trying again means a new run, so `retryable` is said only where one may help. */
function runError(run: Run): IntegrationError {
  const { runId, status, error } = run;
  const common = { service: "tinyfish", operation: "run" };
  if (status === "CANCELLED")
    return new IntegrationError({
      ...common,
      code: "ABORTED",
      message: `tinyfish.run: run ${runId} was cancelled at the service`,
      details: { runId, status },
    });
  const { code, category, message, retryAfterSeconds, helpUrl, helpMessage } = error ?? {
    category: "UNKNOWN",
    message: "no reason given",
  };
  const isMoney = category === "BILLING_FAILURE" || code === "INSUFFICIENT_CREDITS";
  // An unknown category is a new kind of failure; paying again for the same answer is the worse guess.
  const mayHelp = category === "SYSTEM_FAILURE" || category === "UNKNOWN";
  return new IntegrationError({
    ...common,
    code: isMoney ? "FORBIDDEN" : "UPSTREAM_STATUS",
    verdict: mayHelp && !isMoney ? "retryable" : "fatal",
    message: `tinyfish.run: run ${runId} ended ${status}: ${message}${helpMessage ? ` (${helpMessage})` : ""}`,
    ...(retryAfterSeconds !== undefined && { retryAfterMs: retryAfterSeconds * 1000 }),
    details: {
      runId,
      status,
      category,
      steps: stepsOf(run),
      ...(code && { tinyfishCode: code }),
      ...(helpUrl && { helpUrl }),
    },
  });
}
