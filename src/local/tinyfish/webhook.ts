import { type Clock, sleep } from "../../core/index.ts";
import { isLoopback } from "./loopback-fetch.ts";
import { type Run } from "./run.ts";

const WAITS_MS = [1000, 2000, 4000];
const TIMEOUT_MS = 10_000;

/**
 * Tells the run's `webhook_url` how it ended, as the service does: four attempts in all, 10 s each; any 4xx ends the
 * delivery; nothing is signed. Stays on this machine.
 */
export async function deliverWebhook(run: Run, clock: Clock, signal: AbortSignal): Promise<void> {
  const url = run.request.webhook_url;
  if (url === undefined || !isLoopback(url)) return;
  const { status } = run;
  const body = JSON.stringify({ event: `run.${status.toLowerCase()}`, run_id: run.id, status, data: run.toWire() });
  for (const waitMs of [0, ...WAITS_MS]) {
    if (waitMs > 0) await sleep(waitMs, clock, signal);
    if ((await post(url, body, clock, signal)) < 500) return;
  }
}

/** @returns the status of the answer; 599 where none came */
async function post(url: string, body: string, clock: Clock, signal: AbortSignal): Promise<number> {
  const attempt = new AbortController();
  const timer = clock.setTimer(() => attempt.abort(), TIMEOUT_MS, { keepAlive: false });
  const stop = () => attempt.abort();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body, signal: attempt.signal, redirect: "manual" });
    await response.body?.cancel();
    return response.status;
  } catch {
    return 599;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", stop);
  }
}
