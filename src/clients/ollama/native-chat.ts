import { type Redact } from "../../core/index.ts";
import { type ChatCall } from "./chat-call.ts";
import { isRecord, type OllamaConnection } from "./connection.ts";
import { ollamaError, streamedError } from "./errors.ts";
import { NdjsonParser } from "./ndjson.ts";
import { untilFinished } from "./stream-end.ts";
import { type ChatChunk, type ChatMessage, type ToolCall } from "./types.ts";

/** A chat over `/api/chat`. @throws IntegrationError if the stream breaks or ends without its last line */
export function nativeChat(
  connection: OllamaConnection,
  call: ChatCall,
  signal: AbortSignal,
): AsyncGenerator<ChatChunk, void, undefined> {
  return untilFinished(chunks(connection, call, signal));
}

async function* chunks(
  connection: OllamaConnection,
  call: ChatCall,
  signal: AbortSignal,
): AsyncGenerator<ChatChunk, void, undefined> {
  for await (const line of ndjson(connection.stream("/api/chat", signal, toBody(call)), connection.redact))
    yield toChunk(line, call.model);
}

/** The lines of a native stream. An `{"error"}` line is thrown, wherever it stands. */
export async function* ndjson(
  bytes: AsyncIterable<Uint8Array>,
  redact: Redact,
): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
  const parser = new NdjsonParser();
  for await (const piece of bytes) for (const value of parser.push(piece)) yield checked(value, redact);
  for (const value of parser.end()) yield checked(value, redact);
}

function checked(value: unknown, redact: Redact): Readonly<Record<string, unknown>> {
  if (!isRecord(value))
    throw ollamaError("INVALID_OUTPUT", "stream_malformed", "a line of the stream is not a JSON object");
  if (value["error"] !== undefined) throw streamedError(value["error"], redact);
  return value;
}

function toBody(call: ChatCall): Record<string, unknown> {
  const { model, messages, temperature, maxTokens, seed, stop, format, tools, think, runnerOptions } = call;
  return {
    model,
    messages: messages.map(toWireMessage),
    stream: true,
    keep_alive: call.keepAliveSeconds,
    options: {
      ...runnerOptions,
      temperature,
      num_predict: maxTokens,
      ...(seed !== undefined && { seed }),
      ...(stop && { stop }),
    },
    ...(format !== undefined && { format }),
    ...(tools && { tools: tools.map((each) => ({ type: "function", function: each })) }),
    ...(think !== undefined && { think }),
  };
}

function toWireMessage({ role, content, images, toolCalls, toolName, toolCallId }: ChatMessage): object {
  return {
    role,
    content,
    ...(images && { images }),
    ...(toolCalls && {
      tool_calls: toolCalls.map(({ id, ...fn }) => ({ ...(id !== undefined && { id }), function: fn })),
    }),
    ...(toolName !== undefined && { tool_name: toolName }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

function toChunk(line: Readonly<Record<string, unknown>>, model: string): ChatChunk {
  const message = isRecord(line["message"]) ? line["message"] : {};
  const { content, thinking, tool_calls: calls } = message;
  const toolCalls = Array.isArray(calls) ? calls.flatMap(readToolCall) : [];
  return {
    text: typeof content === "string" ? content : "",
    ...(typeof thinking === "string" && thinking !== "" && { thinking }),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(line["done"] === true && { finish: toFinish(line, model) }),
  };
}

function toFinish(line: Readonly<Record<string, unknown>>, model: string): NonNullable<ChatChunk["finish"]> {
  const count = (name: string) => (typeof line[name] === "number" ? line[name] : 0);
  const ms = (name: string) => count(name) / 1e6;
  return {
    model: typeof line["model"] === "string" ? line["model"] : model,
    reason: typeof line["done_reason"] === "string" ? line["done_reason"] : "stop",
    usage: { inputTokens: count("prompt_eval_count"), outputTokens: count("eval_count") },
    durations: {
      totalMs: ms("total_duration"),
      loadMs: ms("load_duration"),
      promptMs: ms("prompt_eval_duration"),
      outputMs: ms("eval_duration"),
    },
  };
}

function readToolCall(value: unknown): ToolCall[] {
  const call = isRecord(value) && isRecord(value["function"]) ? value["function"] : undefined;
  if (!call || typeof call["name"] !== "string") return [];
  const id = (value as { id?: unknown }).id;
  const args = isRecord(call["arguments"]) ? call["arguments"] : {};
  return [{ ...(typeof id === "string" && { id }), name: call["name"], arguments: args }];
}
