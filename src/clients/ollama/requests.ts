import { type z } from "zod";
import { type CallSpec, IntegrationError, type Priority } from "../../core/index.ts";
import { type ChatCall } from "./chat-call.ts";
import { type ResolvedOllamaOptions } from "./options.ts";
import { type ChatMessage } from "./types.ts";

/** What every call may bring. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Bound on this call, ms. @defaultValue the client's */
  readonly deadlineMs?: number;
  readonly priority?: Priority;
  /** The attempt that makes this call: its deadline and signal hold for this call too. */
  readonly parent?: CallSpec["parent"];
}

type Settings = Omit<ChatCall, "model" | "temperature" | "maxTokens" | "keepAliveSeconds" | "messages" | "format">;

export interface ChatRequest extends CallOptions, Settings {
  /** At least one. */
  readonly messages: readonly ChatMessage[];
  /** @defaultValue the client's */
  readonly model?: string;
  /** @defaultValue the client's */
  readonly temperature?: number;
  /** @defaultValue the client's */
  readonly maxTokens?: number;
  /** @defaultValue the client's */
  readonly keepAliveSeconds?: number;
  /** A JSON schema, or `"json"` for any JSON. */
  readonly format?: ChatCall["format"];
}

export interface ObjectRequest<S extends z.ZodType> extends Omit<ChatRequest, "messages" | "format" | "tools"> {
  readonly schema: S;
  /** Either this or `messages`. */
  readonly prompt?: string;
  readonly messages?: readonly ChatMessage[];
}

export interface EmbedRequest extends CallOptions {
  /** @defaultValue the client's `embedModel` */
  readonly model?: string;
  /** Shortens the vectors, where the model allows. @defaultValue the model's own */
  readonly dimensions?: number;
  /** False: a text that is too long for the model is refused instead of cut. @defaultValue true */
  readonly truncate?: boolean;
  /** @defaultValue the client's */
  readonly keepAliveSeconds?: number;
}

/** @throws IntegrationError INVALID_INPUT */
export function resolveChat(request: ChatRequest, options: ResolvedOllamaOptions): ChatCall {
  const { messages, seed, stop, format, tools, think } = request;
  if (messages.length === 0) throw invalid("messages must hold at least one message");
  if (options.sharing && request.runnerOptions)
    throw invalid(
      "runnerOptions belong to the client while sharing (LLAMA_ENABLE_SHARING) is on: set them there, or turn it off",
    );
  const runnerOptions = request.runnerOptions ?? options.runnerOptions;
  return {
    model: requireModel(request.model ?? options.model, "model", "OLLAMA_DEFAULT_MODEL"),
    messages,
    temperature: request.temperature ?? options.temperature,
    maxTokens: request.maxTokens ?? options.maxTokens,
    keepAliveSeconds: request.keepAliveSeconds ?? options.keepAliveSeconds,
    ...(seed !== undefined && { seed }),
    ...(stop && { stop }),
    ...(format !== undefined && { format }),
    ...(tools && tools.length > 0 && { tools }),
    ...(think !== undefined && { think }),
    ...(runnerOptions && { runnerOptions }),
  };
}

/** @throws IntegrationError INVALID_INPUT that names the first empty text's index */
export function checkTexts(texts: readonly string[]): void {
  const at = texts.findIndex((text) => typeof text !== "string" || text.trim() === "");
  if (at >= 0) throw invalid(`text ${at} is empty: an empty text has no embedding; leave it out`);
}

export function promptToMessages(request: {
  prompt?: string;
  messages?: readonly ChatMessage[];
}): readonly ChatMessage[] {
  const { prompt, messages } = request;
  if ((prompt === undefined) === (messages === undefined)) throw invalid("give either prompt or messages");
  return messages ?? [{ role: "user", content: prompt! }];
}

export function requireModel(name: string | undefined, option: string, variable: string): string {
  if (name !== undefined && name.trim() !== "") return name;
  throw invalid(`no ${option} is named: give one in the call, to the client, or in ${variable}`);
}

const invalid = (message: string) => new IntegrationError({ code: "INVALID_INPUT", message, service: "ollama" });
