/** What a host sees of a chat. */

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** Base64, without a `data:` prefix. */
  readonly images?: readonly string[];
  /** On an assistant's message: the calls it made. */
  readonly toolCalls?: readonly ToolCall[];
  /** On a tool's message: whose answer this is. */
  readonly toolName?: string;
  readonly toolCallId?: string;
}

export interface ToolCall {
  readonly id?: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** A function that the model may ask for; `parameters` is a JSON schema. */
export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** As the server measured them, ms. An OpenAI-compatible server tells none. */
export interface ChatDurations {
  readonly totalMs: number;
  /** Part that went into loading the model. */
  readonly loadMs: number;
  readonly promptMs: number;
  readonly outputMs: number;
}

export interface ChatFinish {
  readonly model: string;
  /** `stop`, `length` (cut by `maxTokens`), or what a newer server says. */
  readonly reason: string;
  readonly usage: TokenUsage;
  readonly durations?: ChatDurations;
}

/** A piece of an answer. The last one, and only it, has `finish`. */
export interface ChatChunk {
  readonly text: string;
  readonly thinking?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly finish?: ChatFinish;
}

/** A whole answer. */
export interface ChatResult extends ChatFinish {
  readonly text: string;
  readonly thinking: string;
  readonly toolCalls: readonly ToolCall[];
}
