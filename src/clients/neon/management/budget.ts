import { type AdminCallOptions, type ManagementApi } from "./api.ts";

/** Shares one deadline among the requests of a call: each is given what the ones before it left. */
export function sharedDeadline({ options }: ManagementApi, call: AdminCallOptions): () => AdminCallOptions {
  const { clock, waitTimeoutMs } = options;
  const deadlineAt = clock.now() + (call.deadlineMs ?? waitTimeoutMs);
  return () => ({ ...call, deadlineMs: Math.max(1, deadlineAt - clock.now()) });
}
