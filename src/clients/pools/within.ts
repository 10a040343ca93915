import { type Clock, sleep } from "../../core/index.ts";

/** Waits for `work`, but no longer than `timeoutMs`; what comes of it is not told. */
export async function within(timeoutMs: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const settled = work.catch(() => undefined).finally(() => done.abort());
  await Promise.race([settled, sleep(timeoutMs, clock, done.signal).catch(() => undefined)]);
}
