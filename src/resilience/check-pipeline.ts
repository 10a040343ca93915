import { type CallSpec, IntegrationError, OptionCheck } from "../core/index.ts";
import { type PipelineOptions } from "./pipeline-options.ts";
import { checkCallPolicy, checkConcurrency, checkHedge, checkServicePolicy } from "./policy.ts";
import { refusal } from "./refusal.ts";

/** @throws IntegrationError `INVALID_INPUT` naming every bad option */
export function checkPipelineOptions(options: PipelineOptions): void {
  const check = new OptionCheck("createPipeline");
  checkCallPolicy(check, "defaults.", options.defaults ?? {});
  for (const [name, policy] of Object.entries(options.services ?? {}))
    checkServicePolicy(check, `services.${name}.`, policy);
  checkConcurrency(check, "maxConcurrent", options.maxConcurrent);
  check.number("cache.maxEntries", options.cache?.maxEntries, { min: 1, max: 10_000_000, integer: true });
  check.number("cache.ttlMs", options.cache?.ttlMs, { min: 0, max: 366 * 86_400_000 });
  check.number("cache.maxBytes", options.cache?.maxBytes, { min: 1_024, max: 2 ** 40, integer: true });
  check.number("remember", options.remember, { min: 1, max: 100_000, integer: true });
  check.throwIfAny();
}

/** The numbers of a call: a NaN would mean "never". @returns what is wrong with them */
export function checkSpec(spec: CallSpec): IntegrationError | undefined {
  const { deadlineMs, attemptTimeoutMs, maxAttempts, idleTimeoutMs, cache, hedge } = spec;
  const fine =
    (deadlineMs === undefined || deadlineMs >= 0) &&
    (attemptTimeoutMs === undefined || attemptTimeoutMs > 0) &&
    (idleTimeoutMs === undefined || idleTimeoutMs > 0) &&
    (maxAttempts === undefined || (maxAttempts >= 1 && maxAttempts <= 100 && Number.isInteger(maxAttempts)));
  return fine && cache === undefined && !hedge ? undefined : problemsOf(spec);
}

function problemsOf(spec: CallSpec): IntegrationError | undefined {
  const name = `${spec.service}.${spec.operation}`;
  const check = new OptionCheck(name);
  const span = { min: Number.MIN_VALUE, max: Number.MAX_VALUE, unbounded: true };
  check.number("deadlineMs", spec.deadlineMs, { ...span, min: 0 });
  check.number("attemptTimeoutMs", spec.attemptTimeoutMs, span);
  check.number("idleTimeoutMs", spec.idleTimeoutMs, span);
  check.number("maxAttempts", spec.maxAttempts, { min: 1, max: 100, integer: true });
  check.number("cache.ttlMs", spec.cache?.ttlMs, { ...span, min: 0 });
  check.number("cache.staleWhileRevalidateMs", spec.cache?.staleWhileRevalidateMs, { ...span, min: 0 });
  check.number("cache.staleIfErrorMs", spec.cache?.staleIfErrorMs, { ...span, min: 0 });
  if (spec.hedge) checkHedge(check, "hedge.", spec.hedge);
  try {
    check.throwIfAny();
    return undefined;
  } catch (error) {
    if (!IntegrationError.isInstance(error)) throw error;
    const { code, message, details } = error;
    return new IntegrationError({ code, message, details, service: spec.service, operation: spec.operation });
  }
}

/** What a call is refused with once the pipeline is closed. */
export function closedError({ service, operation }: CallSpec): IntegrationError {
  return refusal({
    code: "CLOSED",
    message: `${service}.${operation}: the integration is closed and takes no more calls`,
    service,
    operation,
    attempts: 0,
  });
}
