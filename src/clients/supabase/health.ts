import { describeThrown, directRunner } from "../../core/index.ts";
import { type SupabaseConnection } from "./connection.ts";

export interface SupabaseHealth {
  readonly status: "up" | "degraded" | "down";
  readonly checks: Readonly<Record<"auth" | "storage", HealthCheck>>;
}

export interface HealthCheck {
  readonly status: "up" | "down";
  readonly latencyMs: number;
  /** What is wrong, if anything. */
  readonly message?: string;
}

const CHECK_TIMEOUT_MS = 3_000;

/**
 * Asks the two services whether they run: no table, no session and no object is touched. Not under the call policies,
 * for an open breaker should not answer in the service's place.
 */
export async function checkHealth(connection: SupabaseConnection, signal?: AbortSignal): Promise<SupabaseHealth> {
  const { authUrl, storageUrl, publishableKey } = connection.options;
  const [auth, storage] = await Promise.all([
    probe(connection, "auth.health", `${authUrl}/health`, { apikey: publishableKey }, signal),
    probe(connection, "storage.health", `${storageUrl}/status`, {}, signal),
  ]);
  const up = [auth, storage].filter(({ status }) => status === "up").length;
  return { status: up === 2 ? "up" : up === 1 ? "degraded" : "down", checks: { auth, storage } };
}

async function probe(
  connection: SupabaseConnection,
  operation: string,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<HealthCheck> {
  const { clock } = connection.options;
  const startedAt = clock.now();
  const latency = () => Math.round(clock.now() - startedAt);
  const runner = directRunner({ clock, deadlineMs: CHECK_TIMEOUT_MS });
  try {
    await runner.run(
      { service: "supabase", operation, idempotent: true, ...(signal && { signal }) },
      async (context) => {
        const request = { method: "GET", url, headers, signal: context.signal } as const;
        const response = await connection.http.send(request);
        await connection.http.read(request, () => response.arrayBuffer());
      },
    );
    return { status: "up", latencyMs: latency() };
  } catch (error) {
    return { status: "down", latencyMs: latency(), message: describeThrown(error) };
  }
}
