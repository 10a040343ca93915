import { type Clock } from "../../core/index.ts";
import { type Embedder, normalize } from "./embedder.ts";
import { type InstalledModel, type ModelHost } from "./model-host.ts";
import { Refusal } from "./replies.ts";
import { type StreamBreaks } from "./stream-breaks.ts";
import { countTokens, truncateTokens } from "./tokens.ts";

/** What both faces of the stand-in share. */
export interface ServerState {
  readonly host: ModelHost;
  readonly embedder: Embedder;
  readonly breaks: StreamBreaks;
  readonly clock: Clock;
  readonly counts: { chats: number; embeddedTexts: number; busy: number };
}

export interface EmbeddingAnswer {
  readonly vectors: number[][];
  readonly tokens: number;
  readonly loadMs: number;
}

/** What the request calls the model; anything but text is no name. */
export const modelName = (body: Readonly<Record<string, unknown>>): string => {
  const name = body["model"] ?? body["name"];
  return typeof name === "string" ? name : "";
};

/** A body that is a JSON object. @throws Refusal 400 */
export async function readBody(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const text = await request.text();
  if (text.trim() === "") throw new Refusal(400, "missing request body");
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    throw new Refusal(400, `invalid character '${text.trim()[0]}' looking for beginning of value`);
  }
  throw new Refusal(400, "json: cannot unmarshal the body into a Go value of type api.Request");
}

/** `input` as the server reads it: nothing and the empty string are no texts. @throws Refusal 400 */
export function readInput(input: unknown): string[] {
  if (input === undefined || input === null || input === "") return [];
  if (typeof input === "string") return [input];
  if (Array.isArray(input) && input.every((each) => typeof each === "string")) return input;
  throw new Refusal(400, "invalid input type");
}

export async function embedTexts(
  state: ServerState,
  model: InstalledModel,
  texts: readonly string[],
  options: { readonly keepAliveMs: number; readonly dimensions?: unknown; readonly truncate: boolean },
  signal: AbortSignal,
): Promise<EmbeddingAnswer> {
  if (model.capability !== "embedding") throw new Refusal(400, `"${model.name}" does not support embeddings`);
  const tokens = texts.map(countTokens);
  if (!options.truncate && tokens.some((count) => count > model.contextLength))
    throw new Refusal(400, "the input length exceeds the context length");
  const { loadMs, release } = await state.host.use(model, options.keepAliveMs, signal);
  try {
    const cut = texts.map((text) => truncateTokens(text, model.contextLength));
    const vectors = await state.embedder.embed(cut, signal);
    state.counts.embeddedTexts += texts.length;
    const wanted = Number(options.dimensions ?? 0);
    const sliced = wanted > 0 && wanted < model.embeddingLength;
    return {
      vectors: sliced ? vectors.map((vector) => normalize(vector.slice(0, wanted))) : vectors,
      tokens: tokens.reduce((sum, count) => sum + Math.min(count, model.contextLength), 0),
      loadMs,
    };
  } finally {
    release();
  }
}
