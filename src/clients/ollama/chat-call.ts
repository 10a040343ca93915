import { type ToolDefinition, type ChatMessage } from "./types.ts";
import { type RunnerOptions } from "./options.ts";

/** A chat with everything decided, ready for either face of the server. */
export interface ChatCall {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  /** A JSON schema, or `"json"` for any JSON. */
  readonly format?: "json" | Readonly<Record<string, unknown>>;
  readonly tools?: readonly ToolDefinition[];
  readonly think?: boolean | "low" | "medium" | "high" | "max";
  readonly keepAliveSeconds: number;
  readonly runnerOptions?: RunnerOptions;
}
