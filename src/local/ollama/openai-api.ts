import { randomUUID } from "node:crypto";
import { generate } from "./generation.ts";
import { readKeepAlive } from "./keep-alive.ts";
import { releasing } from "./native-api.ts";
import { Refusal, streamed } from "./replies.ts";
import { embedTexts, modelName, readBody, readInput, type ServerState } from "./server-state.ts";

type Route = (state: ServerState, request: Request) => Promise<Response> | Response;

/** The OpenAI-compatible face: no keep_alive, no durations, `stream` off unless asked for. */
export const openAiRoutes: Readonly<Record<string, Route>> = {
  "GET /v1/models": ({ host }) =>
    Response.json({
      object: "list",
      data: host.installed.map(({ name }) => ({
        id: name,
        object: "model",
        created: 1_767_225_600,
        owned_by: "library",
      })),
    }),
  "POST /v1/chat/completions": complete,
  "POST /v1/embeddings": embed,
};

async function complete(state: ServerState, request: Request): Promise<Response> {
  const { host, clock, breaks, counts } = state;
  const body = await readBody(request);
  const messages = readMessages(body["messages"]);
  const name = modelName(body);
  const model = host.find(name);
  if (!model) throw new Refusal(404, `model '${name}' not found`);
  if (model.capability !== "completion") throw new Refusal(400, `"${name}" does not support chat`);
  const limit = body["max_tokens"];
  const generation = await generate(
    host,
    clock,
    model,
    {
      messages,
      keepAliveMs: readKeepAlive(undefined),
      format: readFormat(body["response_format"]),
      refuseTooLong: false,
      ...(typeof limit === "number" && { maxTokens: limit }),
    },
    request.signal,
  );
  counts.chats += 1;

  const { words, reason, promptTokens } = generation;
  const created = Math.floor(clock.wallNow() / 1000);
  const head = { id: `chatcmpl-${randomUUID()}`, created, model: model.name, system_fingerprint: "fp_ollama" };
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: words.length,
    total_tokens: promptTokens + words.length,
  };
  if (body["stream"] !== true) {
    generation.release();
    const message = { role: "assistant", content: words.join("") };
    return Response.json({
      ...head,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: reason }],
      usage,
    });
  }
  const frame = (facts: object) =>
    `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...facts })}\n\n`;
  const choice = (delta: object, finish: string | null) =>
    frame({ choices: [{ index: 0, delta, finish_reason: finish }] });
  const wantsUsage = (body["stream_options"] as { include_usage?: unknown } | undefined)?.include_usage === true;
  const pieces = (function* () {
    for (const [at, word] of words.entries())
      yield choice({ ...(at === 0 && { role: "assistant" }), content: word }, null);
    yield choice({}, reason);
    if (wantsUsage) yield frame({ choices: [], usage });
    yield "data: [DONE]\n\n";
  })();
  // The real server decodes its own error line as an empty answer here: it vanishes, and so does [DONE].
  const broken = { error: choice({ content: "" }, null), malformed: `data: {"id":"chatcmpl\n\n` };
  const told = breaks.apply(pieces, broken, request.signal);
  return releasing(generation, request, streamed(told, "text/event-stream", generation.release));
}

function readMessages(value: unknown): { role: string; content: string }[] {
  if (!Array.isArray(value) || value.length === 0) throw new Refusal(400, "[] is too short - 'messages'");
  return value.map((each: unknown) => {
    const { role, content } = (each ?? {}) as Record<string, unknown>;
    const parts = Array.isArray(content) ? content : [{ text: content }];
    const texts = parts.map((part) => (part as { text?: unknown }).text).filter((part) => typeof part === "string");
    return { role: String(role), content: texts.join("\n") };
  });
}

function readFormat(value: unknown): unknown {
  const { type, json_schema } = (value ?? {}) as { type?: unknown; json_schema?: { schema?: unknown } };
  if (type === "json_object") return "json";
  return type === "json_schema" ? json_schema?.schema : undefined;
}

async function embed(state: ServerState, request: Request): Promise<Response> {
  const body = await readBody(request);
  const texts = readInput(body["input"]);
  if (texts.length === 0) throw new Refusal(400, "invalid input");
  const name = modelName(body);
  const model = state.host.find(name);
  if (!model) throw new Refusal(404, `model "${name}" not found, try pulling it first`);
  const options = { keepAliveMs: readKeepAlive(undefined), dimensions: body["dimensions"], truncate: true };
  const { vectors, tokens } = await embedTexts(state, model, texts, options, request.signal);
  const asBase64 = body["encoding_format"] === "base64";
  return Response.json({
    object: "list",
    model: body["model"],
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: asBase64 ? Buffer.from(new Float32Array(vector).buffer).toString("base64") : vector,
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}
