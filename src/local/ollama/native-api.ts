import { createHash } from "node:crypto";
import { generate, type Generation } from "./generation.ts";
import { readKeepAlive } from "./keep-alive.ts";
import { type InstalledModel } from "./model-host.ts";
import { nanoseconds, Refusal, streamed } from "./replies.ts";
import { embedTexts, modelName, readBody, readInput, type ServerState } from "./server-state.ts";

/** The version whose behaviour the stand-in follows, marked so that nobody takes it for the server. */
export const STAND_IN_VERSION = "0.33.0-standin";
const NDJSON = "application/x-ndjson";
const YEAR_MS = 31_536_000_000;

type Route = (state: ServerState, request: Request) => Promise<Response> | Response;

/** Method and path to handler; what is missing here is the server's text page. */
export const nativeRoutes: Readonly<Record<string, Route>> = {
  "GET /": () => new Response("Ollama is running"),
  "HEAD /": () => new Response(null),
  "GET /api/version": () => Response.json({ version: STAND_IN_VERSION }),
  "HEAD /api/version": () => new Response(null),
  "GET /api/tags": ({ host }) => Response.json({ models: host.installed.map(tag) }),
  "GET /api/ps": (state) => Response.json({ models: state.host.loaded().map((each) => running(state, each)) }),
  "POST /api/show": show,
  "POST /api/chat": (state, request) => answer(state, request, "chat"),
  "POST /api/generate": (state, request) => answer(state, request, "generate"),
  "POST /api/embed": embed,
  "POST /api/embeddings": embedOne,
  "POST /api/pull": pull,
};

async function answer(state: ServerState, request: Request, face: "chat" | "generate"): Promise<Response> {
  const { host, clock } = state;
  const body = await readBody(request);
  const name = modelName(body);
  if (name === "") throw new Refusal(400, "model is required");
  const model = host.find(name);
  if (!model) throw new Refusal(404, `model '${name}' not found`);
  if (model.capability !== "completion") throw new Refusal(400, `"${name}" does not support ${face}`);
  if (body["think"] !== undefined && body["think"] !== false)
    throw new Refusal(400, `"${name}" does not support thinking`);
  if (Array.isArray(body["tools"]) && body["tools"].length > 0)
    throw new Refusal(400, `${name} does not support tools`);

  const messages = face === "chat" ? readMessages(body["messages"]) : promptMessages(body);
  const keepAliveMs = readKeepAlive(body["keep_alive"]);
  const words = (content: string) =>
    face === "chat" ? { message: { role: "assistant", content } } : { response: content };
  const line = (facts: object) => ({
    model: model.name,
    created_at: new Date(clock.wallNow()).toISOString(),
    ...facts,
  });
  if (messages.length === 0) {
    // No messages: only load the model, or unload it.
    if (keepAliveMs === 0) host.unload(model);
    else (await host.use(model, keepAliveMs, request.signal)).release();
    return Response.json(line({ ...words(""), done: true, done_reason: keepAliveMs === 0 ? "unload" : "load" }));
  }

  const options = (body["options"] ?? {}) as Record<string, unknown>;
  const limit = options["num_predict"];
  const generation = await generate(
    host,
    clock,
    model,
    {
      messages,
      keepAliveMs,
      format: body["format"],
      refuseTooLong: body["truncate"] === false,
      ...(typeof limit === "number" && { maxTokens: limit }),
    },
    request.signal,
  );
  state.counts.chats += 1;
  const end = () => ({ done: true, done_reason: generation.reason, ...metrics(generation, clock.now()) });
  if (body["stream"] === false) {
    generation.release();
    return Response.json(line({ ...words(generation.words.join("")), ...end() }));
  }
  const pieces = (function* () {
    for (const word of generation.words) yield `${JSON.stringify(line({ ...words(word), done: false }))}\n`;
    yield `${JSON.stringify(line({ ...words(""), ...end() }))}\n`;
  })();
  const broken = {
    error: `${JSON.stringify({ error: "an error was encountered while running the model: injected" })}\n`,
    malformed: `{"model":"${model.name}","message":{"role":"assist\n`,
  };
  return releasing(
    generation,
    request,
    streamed(state.breaks.apply(pieces, broken, request.signal), NDJSON, generation.release),
  );
}

/** A client that goes away before it read anything gives its slot back too. */
export function releasing(generation: Generation, request: Request, response: Response): Response {
  if (request.signal.aborted) generation.release();
  else request.signal.addEventListener("abort", generation.release, { once: true });
  return response;
}

function metrics({ startedAt, loadMs, promptTokens, words }: Generation, now: number): object {
  const totalMs = now - startedAt;
  const workMs = Math.max(0, totalMs - loadMs);
  return {
    total_duration: nanoseconds(totalMs),
    load_duration: nanoseconds(loadMs),
    prompt_eval_count: promptTokens,
    prompt_eval_duration: nanoseconds(workMs / 4),
    eval_count: words.length,
    eval_duration: nanoseconds((workMs * 3) / 4),
  };
}

function readMessages(value: unknown): { role: string; content: string }[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value))
    throw new Refusal(400, "json: cannot unmarshal messages into a Go value of type []api.Message");
  return value.map((each: unknown) => {
    const { role, content } = (each ?? {}) as Record<string, unknown>;
    if (!["system", "user", "assistant", "tool"].includes(String(role)))
      throw new Refusal(400, `invalid role: ${String(role)}, must be one of [system, user, assistant, tool]`);
    return { role: String(role), content: typeof content === "string" ? content : "" };
  });
}

function promptMessages(body: Readonly<Record<string, unknown>>): { role: string; content: string }[] {
  const prompt = typeof body["prompt"] === "string" ? body["prompt"] : "";
  if (prompt === "") return [];
  const system = typeof body["system"] === "string" ? [{ role: "system", content: body["system"] }] : [];
  return [...system, { role: "user", content: prompt }];
}

async function embed(state: ServerState, request: Request): Promise<Response> {
  const startedAt = state.clock.now();
  const body = await readBody(request);
  const texts = readInput(body["input"]);
  const model = modelToEmbed(state, modelName(body));
  const common = { keepAliveMs: readKeepAlive(body["keep_alive"]), dimensions: body["dimensions"] };
  const options = { ...common, truncate: body["truncate"] !== false };
  const { vectors, tokens, loadMs } = await embedTexts(state, model, texts, options, request.signal);
  return Response.json({
    model: body["model"],
    embeddings: vectors,
    total_duration: nanoseconds(state.clock.now() - startedAt),
    load_duration: nanoseconds(loadMs),
    prompt_eval_count: tokens,
  });
}

async function embedOne(state: ServerState, request: Request): Promise<Response> {
  const body = await readBody(request);
  const model = modelToEmbed(state, modelName(body));
  const options = { keepAliveMs: readKeepAlive(body["keep_alive"]), truncate: true };
  const { vectors } = await embedTexts(state, model, readInput(body["prompt"]), options, request.signal);
  return Response.json({ embedding: vectors[0] ?? [] });
}

function modelToEmbed({ host }: ServerState, name: string): InstalledModel {
  const model = host.find(name);
  if (!model) throw new Refusal(404, `model "${name}" not found, try pulling it first`);
  return model;
}

async function show({ host }: ServerState, request: Request): Promise<Response> {
  const body = await readBody(request);
  const name = modelName(body);
  const model = host.find(name);
  if (!model) throw new Refusal(404, `model '${name}' not found`);
  const { family, contextLength, embeddingLength } = model;
  return Response.json({
    modelfile: `# the local stand-in's ${model.name}, no weights`,
    parameters: "",
    template: "{{ .Prompt }}",
    details: details(model),
    model_info: {
      "general.architecture": family,
      [`${family}.context_length`]: contextLength,
      [`${family}.embedding_length`]: embeddingLength,
    },
    capabilities: [model.capability],
    modified_at: INSTALLED_AT,
  });
}

/** There is nothing to download: what is installed is there, anything else does not exist. */
async function pull(state: ServerState, request: Request): Promise<Response> {
  const body = await readBody(request);
  const name = modelName(body);
  const model = state.host.find(name);
  if (body["stream"] === false) {
    if (!model) throw new Refusal(500, "pull model manifest: file does not exist");
    return Response.json({ status: "success" });
  }
  const steps: object[] = [{ status: "pulling manifest" }];
  if (model) {
    const layer = { status: `pulling ${digest(model).slice(7, 19)}`, digest: digest(model), total: model.sizeBytes };
    steps.push(layer, { ...layer, completed: model.sizeBytes });
    steps.push({ status: "verifying sha256 digest" }, { status: "writing manifest" }, { status: "success" });
  } else steps.push({ error: "pull model manifest: file does not exist" });
  const pieces = steps.map((step) => `${JSON.stringify(step)}\n`);
  const broken = { error: `${JSON.stringify({ error: "injected" })}\n`, malformed: `{"status":"pull\n` };
  return streamed(state.breaks.apply(pieces, broken, request.signal), NDJSON);
}

const INSTALLED_AT = "2026-01-01T00:00:00Z";
const digest = ({ name }: InstalledModel): string => `sha256:${createHash("sha256").update(name).digest("hex")}`;

const details = ({ family, capability }: InstalledModel): object => ({
  parent_model: "",
  format: "standin",
  family,
  families: [family],
  parameter_size: capability === "embedding" ? "7M" : "0",
  quantization_level: "F32",
});

const tag = (model: InstalledModel): object => ({
  name: model.name,
  model: model.name,
  modified_at: INSTALLED_AT,
  size: model.sizeBytes,
  digest: digest(model).slice(7),
  details: details(model),
  capabilities: [model.capability],
});

function running({ clock }: ServerState, { model, expiresAt }: { model: InstalledModel; expiresAt: number }): object {
  const leftMs = expiresAt === Infinity ? 100 * YEAR_MS : expiresAt - clock.now();
  const { name, sizeBytes, contextLength } = model;
  const expires = new Date(clock.wallNow() + Math.max(0, leftMs)).toISOString();
  const memory = { size: sizeBytes, size_vram: 0, context_length: contextLength };
  return { name, model: name, digest: digest(model).slice(7), details: details(model), expires_at: expires, ...memory };
}
