import { type OllamaConnection } from "./connection.ts";
import { ndjson } from "./native-chat.ts";
import { truncated } from "./stream-end.ts";

/** One step of a download. */
export interface PullProgress {
  /** In the server's words; `success` is the last. */
  readonly status: string;
  readonly digest?: string;
  readonly totalBytes?: number;
  readonly completedBytes?: number;
}

/** Downloads a model on the server; what was loaded before is resumed. */
export async function* pullModel(
  connection: OllamaConnection,
  model: string,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<PullProgress, void, undefined> {
  await connection.requireNative("Pulling a model", signal);
  let succeeded = false;
  for await (const line of ndjson(
    connection.stream("/api/pull", signal, { model, stream: true }, idleMs),
    connection.redact,
  )) {
    const { status, digest, total, completed } = line;
    yield {
      status: typeof status === "string" ? status : "",
      ...(typeof digest === "string" && { digest }),
      ...(typeof total === "number" && { totalBytes: total }),
      ...(typeof completed === "number" && { completedBytes: completed }),
    };
    succeeded ||= status === "success";
  }
  if (!succeeded) throw truncated();
}
