import { field, readList, readText } from "./read-wire.ts";
import { type RunEvent } from "./types.ts";

/** Everything but the end, which is told by the run itself. */
export type RunProgress = Exclude<RunEvent, { type: "COMPLETE" }>;

/** @returns undefined for `COMPLETE` */
export function readEvent(event: unknown): RunProgress | undefined {
  const runId = readText(event, "run_id") ?? "";
  const api = readText(event, "tinyfish_api");
  switch (readText(event, "type")?.toUpperCase()) {
    case "COMPLETE":
      return undefined;
    case "STARTED":
      return { type: "STARTED", runId };
    case "STREAMING_URL":
      return { type: "STREAMING_URL", runId, streamingUrl: readText(event, "streaming_url") ?? "" };
    case "PROGRESS":
      return { type: "PROGRESS", runId, purpose: readText(event, "purpose") ?? "", ...(api !== null && { api }) };
    case "TF_API_RESULT":
      return { type: "API_RESULT", runId, api: api ?? "", result: readList(event, "result") };
    case "HEARTBEAT":
      return { type: "HEARTBEAT" };
    default:
      return { type: "UNKNOWN", event: field({ event }, "event") };
  }
}
