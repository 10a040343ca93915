import { type Clock } from "../../core/index.ts";
import { extractiveAnswer } from "./extractive-answer.ts";
import { type InstalledModel, type ModelHost } from "./model-host.ts";
import { type PromptMessage, readPrompt } from "./prompt.ts";
import { Refusal } from "./replies.ts";
import { schemaAnswer } from "./schema-answer.ts";
import { countTokens } from "./tokens.ts";

export interface GenerationRequest {
  readonly messages: readonly PromptMessage[];
  /** `"json"`, a JSON schema, or nothing. */
  readonly format?: unknown;
  /** Negative or absent: no limit. */
  readonly maxTokens?: number;
  readonly keepAliveMs: number;
  /** Refuse what is too long for the context; otherwise it is cut. */
  readonly refuseTooLong: boolean;
}

/** An answer, ready to be told word by word. */
export interface Generation {
  readonly words: readonly string[];
  readonly reason: "stop" | "length";
  readonly promptTokens: number;
  readonly loadMs: number;
  readonly startedAt: number;
  /** Gives the slot back. Calling it twice is calling it once. */
  readonly release: () => void;
}

/** Waits for the model and its slot, then answers. The answer is held in memory: it is a few sentences. */
export async function generate(
  host: ModelHost,
  clock: Clock,
  model: InstalledModel,
  request: GenerationRequest,
  signal: AbortSignal,
): Promise<Generation> {
  const startedAt = clock.now();
  const prompt = readPrompt(request.messages);
  const promptTokens = countTokens(prompt.text);
  if (request.refuseTooLong && promptTokens > model.contextLength)
    throw new Refusal(400, "the input length exceeds the context length");
  const { loadMs, release } = await host.use(model, request.keepAliveMs, signal);
  try {
    const words = splitWords(answer(request.format, prompt));
    const limit = request.maxTokens !== undefined && request.maxTokens >= 0 ? request.maxTokens : Infinity;
    const reason = words.length > limit ? "length" : "stop";
    return { words: words.slice(0, limit), reason, promptTokens, loadMs, startedAt, release };
  } catch (error) {
    release();
    throw error;
  }
}

function answer(format: unknown, prompt: ReturnType<typeof readPrompt>): string {
  if (format === undefined || format === null || format === "") return extractiveAnswer(prompt);
  if (format === "json") return JSON.stringify({ answer: extractiveAnswer(prompt) });
  if (typeof format === "object") return JSON.stringify(schemaAnswer(format, prompt));
  throw new Refusal(400, `invalid format: ${JSON.stringify(format)}; expected "json" or a valid JSON Schema object`);
}

/** Words with the space before them, as a tokenizer would give them. */
const splitWords = (text: string): string[] => text.match(/\s*\S+/g) ?? [];
