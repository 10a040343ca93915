import { type AttemptContext, type CallTracer } from "../core/index.ts";
import { type Attempt } from "./attempt.ts";
import { type CallTrace } from "./call-record.ts";

type Work = (attempt: AttemptContext) => Promise<unknown>;

/**
 * Gives a call its span, and each attempt's work a span to run in. What else happens to the call, its ledger tells.
 *
 * @returns the work, as the attempts are to call it
 */
export function traced(tracer: CallTracer, trace: CallTrace, work: Work, behind: boolean): Work {
  const { callId, service, operation, startedAt } = trace;
  const span = tracer.begin({ callId, service, operation, startedAt, behind });
  trace.span = span;
  // What the pipeline hands to a call's work is the attempt itself.
  return (attempt) => span.attempt(attempt as Attempt, () => work(attempt));
}
