import { type AdminCallOptions, type ManagementApi } from "./api.ts";

/** Shares one deadline among the requests of a call: each is given what the ones before it left. */
export function sharedDeadline({ options }: ManagementApi, call: AdminCallOptions): () => AdminCallOptions {
  const { clock, waitTimeoutMs } = options;
  const deadlineAt = deadlineOfAll(call, clock.now(), waitTimeoutMs);
  return () => ({ ...call, deadlineMs: Math.max(1, deadlineAt - clock.now()) });
}

/** When a call of several requests ends, on the monotonic clock, ms. */
export function deadlineOfAll({ deadlineMs, parent }: AdminCallOptions, now: number, waitTimeoutMs: number): number {
  return Math.min(now + (deadlineMs ?? waitTimeoutMs), parent?.deadlineAt ?? Infinity);
}
