import { createParser } from "eventsource-parser";
import { type ChatCall } from "./chat-call.ts";
import { isRecord, type OllamaConnection } from "./connection.ts";
import { ollamaError, streamedError } from "./errors.ts";
import { MAX_LINE_LENGTH } from "./ndjson.ts";
import { untilFinished } from "./stream-end.ts";
import { type ChatChunk, type ChatMessage, type ToolCall } from "./types.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * A chat over `/v1/chat/completions`, for servers that have nothing else. A stream without `[DONE]` failed: Ollama
 * itself loses its error line there.
 *
 * @throws IntegrationError if the stream breaks or ends early
 */
export function openAiChat(
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
  const calls = new ToolCallParts();
  let model = call.model;
  let reason = "stop";
  let usage: Json = {};
  for await (const data of serverSentData(connection.stream("/v1/chat/completions", signal, toBody(call)))) {
    if (data === "[DONE]") {
      const toolCalls = calls.whole();
      const count = (name: string) => (typeof usage[name] === "number" ? usage[name] : 0);
      yield {
        text: "",
        ...(toolCalls.length > 0 && { toolCalls }),
        finish: {
          model,
          reason,
          usage: { inputTokens: count("prompt_tokens"), outputTokens: count("completion_tokens") },
        },
      };
      continue;
    }
    const frame = parseObject(data);
    if (frame["error"] !== undefined && frame["error"] !== null) throw streamedError(frame["error"], connection.redact);
    if (typeof frame["model"] === "string") model = frame["model"];
    if (isRecord(frame["usage"])) usage = frame["usage"];
    const choice: unknown = Array.isArray(frame["choices"]) ? frame["choices"][0] : undefined;
    if (!isRecord(choice)) continue;
    if (typeof choice["finish_reason"] === "string") reason = choice["finish_reason"];
    const delta = isRecord(choice["delta"]) ? choice["delta"] : {};
    calls.add(delta["tool_calls"]);
    const { content, reasoning } = delta;
    const text = typeof content === "string" ? content : "";
    const thinking = typeof reasoning === "string" ? reasoning : "";
    if (text !== "" || thinking !== "") yield { text, ...(thinking !== "" && { thinking }) };
  }
}

async function* serverSentData(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  const ready: string[] = [];
  let fault: Error | undefined;
  const parser = createParser({
    maxBufferSize: MAX_LINE_LENGTH,
    onEvent: ({ data }) => void ready.push(data),
    onError: (error) => void (fault ??= error.type === "max-buffer-size-exceeded" ? error : undefined),
  });
  for await (const piece of bytes) {
    parser.feed(decoder.decode(piece, { stream: true }));
    yield* ready.splice(0);
    if (fault)
      throw ollamaError("INVALID_OUTPUT", "stream_malformed", "an event of the stream is too long", { cause: fault });
  }
}

function parseObject(data: string): Json {
  let frame: unknown;
  try {
    frame = JSON.parse(data);
  } catch (cause) {
    const message = `an event of the stream is not JSON (${data.length} characters)`;
    throw ollamaError("INVALID_OUTPUT", "stream_malformed", message, { cause });
  }
  if (!isRecord(frame)) throw ollamaError("INVALID_OUTPUT", "stream_malformed", "an event is not a JSON object");
  return frame;
}

/** Tool calls arrive in pieces: the arguments are JSON text, cut anywhere. */
class ToolCallParts {
  readonly #parts = new Map<number, { id?: string; name: string; text: string }>();

  add(value: unknown): void {
    if (!Array.isArray(value)) return;
    for (const [at, each] of (value as unknown[]).entries()) {
      if (!isRecord(each)) continue;
      const index = typeof each["index"] === "number" ? each["index"] : at;
      const part = this.#parts.get(index) ?? { name: "", text: "" };
      const fn = isRecord(each["function"]) ? each["function"] : {};
      if (typeof each["id"] === "string") part.id = each["id"];
      if (typeof fn["name"] === "string") part.name += fn["name"];
      if (typeof fn["arguments"] === "string") part.text += fn["arguments"];
      this.#parts.set(index, part);
    }
  }

  /** @throws IntegrationError INVALID_OUTPUT if a call's arguments are not a JSON object */
  whole(): ToolCall[] {
    return [...this.#parts.values()].map(({ text, ...call }) => ({ ...call, arguments: parseObject(text || "{}") }));
  }
}

function toBody(call: ChatCall): Record<string, unknown> {
  const { model, messages, temperature, maxTokens, seed, stop, format, tools, think } = call;
  const effort = think === true ? "medium" : think === false ? "none" : think;
  return {
    model,
    messages: messages.map(toWireMessage),
    stream: true,
    stream_options: { include_usage: true },
    temperature,
    max_tokens: maxTokens,
    ...(seed !== undefined && { seed }),
    ...(stop && { stop }),
    ...(tools && { tools: tools.map((each) => ({ type: "function", function: each })) }),
    ...(effort !== undefined && { reasoning_effort: effort }),
    ...(format === "json" && { response_format: { type: "json_object" } }),
    ...(typeof format === "object" && {
      response_format: { type: "json_schema", json_schema: { name: "answer", schema: format } },
    }),
  };
}

function toWireMessage({ role, content, images, toolCalls, toolCallId }: ChatMessage): object {
  const pictures = images?.map((data) => ({ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } }));
  return {
    role,
    content: pictures ? [{ type: "text", text: content }, ...pictures] : content,
    ...(toolCalls && {
      tool_calls: toolCalls.map(({ id, name, arguments: args }, index) => ({
        id: id ?? `call_${index}`,
        type: "function",
        function: { name, arguments: JSON.stringify(args) },
      })),
    }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}
