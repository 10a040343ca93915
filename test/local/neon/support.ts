import { neonConfig, Pool } from "@neondatabase/serverless";
import { WebSocket } from "ws";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn, type NeonStandInOptions, startNeonStandIn } from "../../../src/local/neon/index.ts";

/** What a client does to point the unmodified driver at the stand-in: everything by host and port, nothing by name. */
export function pointDriverAtLoopback(): void {
  neonConfig.fetchEndpoint = (host, port) => `http://${host}:${port}/sql`;
  neonConfig.wsProxy = (host, port) => `${host}:${port}/v2`;
  neonConfig.useSecureWebSocket = false;
  neonConfig.pipelineTLS = false;
  neonConfig.coalesceWrites = false;
  neonConfig.webSocketConstructor = WebSocket;
}

export async function start(
  options: Partial<NeonStandInOptions> = {},
): Promise<{ db: NeonStandIn; faults: FaultPlan }> {
  pointDriverAtLoopback();
  const faults = options.faults ?? new FaultPlan();
  return { db: await startNeonStandIn({ ...options, faults }), faults };
}

/** A driver pool whose lost connections do not take the test down. */
export function poolOf(connectionString: string, max = 10): Pool {
  const pool = new Pool({ connectionString, max });
  pool.on("error", () => undefined);
  return pool;
}

/** Resolves with what `promise` rejects with. */
export function rejection(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  return Promise.resolve(promise).then(
    () => Promise.reject(new Error("it did not reject")),
    (error: unknown) => error as Error & Record<string, unknown>,
  );
}

const LONGEST_WAIT_MS = 20_000;

/** Waits for something that happens on the event loop, not for time to pass; but not for ever, beside the tests that follow. */
export async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + LONGEST_WAIT_MS;
  while (!condition()) {
    if (performance.now() > giveUpAt)
      throw new Error(`it did not happen within ${LONGEST_WAIT_MS} ms: ${String(condition)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
