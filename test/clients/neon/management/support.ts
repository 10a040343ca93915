import { NeonAdmin, type NeonAdminOptions } from "../../../../src/clients/neon/management/index.ts";
import { createPipeline } from "../../../../src/resilience/index.ts";
import { ManagementStandIn } from "../../../../src/local/neon/management/index.ts";
import { ManualClock, seededRandom } from "../../../../src/testing/index.ts";

export const projectId = "local-project-1";
const apiKey = "napi_local_key";
const connectionString = "postgresql://neondb_owner:secret@127.0.0.1:5432/neondb";

/** What shall happen to a request: `lost` is done and its answer cut. */
type Trouble = { readonly on: Pick<RegExp, "test">; times: number; readonly how: "lost" | "cut" | Response };

/** A client under the whole pipeline, and the stand-in behind it, in one virtual time and without a network. */
export function bench(overrides: Partial<NeonAdminOptions> & { operationMs?: number; historySeconds?: number } = {}) {
  const clock = new ManualClock();
  const random = seededRandom(7);
  const { operationMs, historySeconds: historyRetentionSeconds, ...options } = overrides;
  const database = { database: "neondb", role: "neondb_owner", connectionString };
  const standIn = new ManagementStandIn({ projectId, apiKey, database, clock, operationMs, historyRetentionSeconds });
  const requests: string[] = [];
  const troubles: Trouble[] = [];
  const fetch = async (input: string | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    const line = `${request.method} ${pathname.replace(`/api/v2/projects/${projectId}`, "")}`;
    requests.push(line);
    const trouble = troubles.find(({ on, times }) => times > 0 && on.test(line));
    if (trouble) trouble.times -= 1;
    if (trouble?.how instanceof Response) return trouble.how.clone();
    if (trouble?.how === "cut") throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
    const response = await standIn.handle(request);
    if (trouble) throw new TypeError("terminated");
    return response;
  };
  const runner = createPipeline({ clock, random, services: { "neon-management": { baseDelayMs: 500 } } });
  const common = { projectId, apiKey, fetch, clock, random, runner };
  const admin = new NeonAdmin({ ...common, apiUrl: "http://neon.local/api/v2", ...options });
  /** Lets virtual time pass until the call is over. */
  const run = async <T>(promise: Promise<T>): Promise<T> => {
    let over = false;
    const mark = () => void (over = true);
    promise.then(mark, mark);
    while (!over) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(50);
    }
    return promise;
  };
  /** The error that the call ends with. */
  const fails = async (promise: Promise<unknown>): Promise<Error & Record<string, unknown>> => {
    try {
      const value = await run(promise);
      throw new TypeError(`it did not fail: ${JSON.stringify(value)}`);
    } catch (error) {
      if (error instanceof TypeError) throw error;
      return error as Error & Record<string, unknown>;
    }
  };
  return {
    ...{ admin, clock, standIn, requests, run, fails },
    writes: () => requests.filter((line) => !line.startsWith("GET")),
    trouble: (on: Pick<RegExp, "test">, how: Trouble["how"], times = 1) => void troubles.push({ on, how, times }),
  };
}
