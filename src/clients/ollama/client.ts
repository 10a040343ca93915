import { createHash } from "node:crypto";
import { type z } from "zod";
import { abortedError, IntegrationError, LinkedSignal, type ReadOptions, revealSecret } from "../../core/index.ts";
import { Calls } from "./calls.ts";
import { type ChatCall } from "./chat-call.ts";
import { OllamaConnection } from "./connection.ts";
import { type EmbedCall, requestEmbeddings } from "./embed-request.ts";
import { EmbeddingCache } from "./embedding-cache.ts";
import { Embeddings } from "./embeddings.ts";
import { generateObject, type GeneratedObject } from "./generate-object.ts";
import { checkHealth, type OllamaHealth } from "./health.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { ModelGate } from "./model-gate.ts";
import { withNearestModels } from "./model-not-found.ts";
import { embeddingLength, type InstalledModel, installedModels, type LoadedModel, loadedModels } from "./models.ts";
import { nativeChat } from "./native-chat.ts";
import { openAiChat } from "./openai-chat.ts";
import { type OllamaClientOptions, type ResolvedOllamaOptions, resolveOptions } from "./options.ts";
import { pullModel, type PullProgress } from "./pull.ts";
import {
  type CallOptions,
  type ChatRequest,
  checkTexts,
  type EmbedRequest,
  type ObjectRequest,
  promptToMessages,
  requireModel,
  resolveChat,
} from "./requests.ts";
import { SharedCalls } from "./shared-calls.ts";
import { truncated } from "./stream-end.ts";
import { type ChatChunk, type ChatResult, type TokenUsage, type ToolCall } from "./types.ts";

/** A download takes as long as it takes; its silences are bounded, it as a whole only by this, ms. */
const PULL_DEADLINE_MS = 24 * 60 * 60 * 1000;

/**
 * Ollama, or a server that speaks OpenAI's protocol. Always streams inside, so that no answer hits the five-minute wall
 * of the global `fetch`, and every wait has its own bound: the load of a model, the silence within an answer, the whole.
 *
 * Chats and embeddings leave nothing behind on the server, so all calls are idempotent: the runner may repeat them
 * until something was delivered.
 *
 * @example
 * const ollama = new OllamaClient({ baseUrl: "http://localhost:11434/v1", model: "llama3.1:70b" });
 * for await (const { text } of ollama.stream({ messages: [{ role: "user", content: "Hello" }] })) process.stdout.write(text);
 */
export class OllamaClient {
  readonly #options: ResolvedOllamaOptions;
  readonly #connection: OllamaConnection;
  readonly #calls: Calls;
  readonly #chatGate: ModelGate;
  readonly #embedGate: ModelGate;
  readonly #cache: EmbeddingCache;
  readonly #embeddings: Embeddings;
  readonly #sharedChats = new SharedCalls<ChatResult>();
  readonly #dimensions = new Map<string, number>();
  #pulls = 0;

  /** @throws IntegrationError INVALID_INPUT that names every bad option */
  constructor(options: OllamaClientOptions = {}) {
    this.#options = resolveOptions(options);
    const { runner, clock, memoryBudgetBytes, embedBatchSize: batchSize, sharing } = this.#options;
    const { maxConcurrentPerModel: permits, maxQueuedPerModel: maxWaiting, maxConcurrentEmbeds } = this.#options;
    const { embeddingCacheMaxEntries: maxEntries, embeddingCacheTtlSeconds: ttlSeconds } = this.#options;
    this.#calls = new Calls(runner);
    this.#connection = new OllamaConnection(this.#options, this.#calls.closing);
    const budget = new MemoryBudget(this.#connection, memoryBudgetBytes);
    this.#chatGate = new ModelGate({ permits, maxWaiting, what: "chats" }, budget);
    this.#embedGate = new ModelGate({ permits: maxConcurrentEmbeds, what: "embedding requests" }, budget);
    this.#cache = new EmbeddingCache({ maxEntries, ttlSeconds, clock });
    this.#embeddings = new Embeddings({ cache: this.#cache, batchSize, sharing });
  }

  /**
   * Asks and waits for the whole answer. While sharing is on, equal chats at temperature 0 with a seed share one request.
   *
   * @throws IntegrationError INVALID_INPUT, NOT_FOUND, QUEUE_FULL, BUDGET_EXHAUSTED, ATTEMPT_TIMEOUT, DEADLINE_EXCEEDED,
   * ABORTED, NETWORK, UPSTREAM_STATUS, INVALID_OUTPUT, CLOSED
   */
  async chat(request: ChatRequest): Promise<ChatResult> {
    return this.#chat("chat", request);
  }

  /**
   * The answer piece by piece; the last piece has `finish`. Leaving the loop ends the request, and the server's work, at
   * once.
   *
   * @throws as {@link chat}; a failure after the first piece is final
   */
  async *stream(request: ChatRequest): AsyncGenerator<ChatChunk, void, undefined> {
    yield* this.#stream("stream", resolveChat(request, this.#options), request);
  }

  /**
   * An answer as a typed object. An answer that does not fit the schema is sent back once with what is wrong.
   *
   * @param request `temperature` is 0 unless told
   * @throws as {@link chat}; INVALID_OUTPUT if the second answer does not fit either
   * @example
   * const { object } = await ollama.generateObject({ schema: z.object({ bedrooms: z.number() }), prompt });
   */
  async generateObject<S extends z.ZodType>(request: ObjectRequest<S>): Promise<GeneratedObject<z.output<S>>> {
    const { schema, prompt, messages, ...rest } = request;
    const given = promptToMessages({ ...(prompt !== undefined && { prompt }), ...(messages && { messages }) });
    return generateObject(schema, given, (turn, format) =>
      this.#chat("generateObject", { temperature: 0, ...rest, messages: turn, format }),
    );
  }

  /**
   * Vectors in the order of the texts. Remembered ones come from memory; equal texts are asked for once.
   *
   * @throws IntegrationError INVALID_INPUT naming the index of an empty text; INVALID_OUTPUT if vectors are missing, not
   * finite, or of another length than before; and as {@link chat}
   */
  async embed(texts: readonly string[], request: EmbedRequest = {}): Promise<number[][]> {
    checkTexts(texts);
    const { dimensions, truncate = true } = request;
    const { keepAliveSeconds, runnerOptions, embedModel } = this.#options;
    const call: EmbedCall = {
      model: requireModel(request.model ?? embedModel, "embedModel", "OLLAMA_EMBED_MODEL"),
      truncate,
      keepAliveSeconds: request.keepAliveSeconds ?? keepAliveSeconds,
      ...(dimensions !== undefined && { dimensions }),
      ...(runnerOptions && { runnerOptions }),
    };
    const options = { deadlineMs: this.#options.deadlineMs, ...own(request) };
    return this.#embeddings.embed(call, texts, wishToStop(request), (batch, signal) =>
      this.#calls.run("embed", { ...options, signal }, (attempt) => this.#embedAttempt(call, batch, attempt)),
    );
  }

  /** The models that are installed. A list from the cache is forgotten when this client pulls a model. */
  async models(options: CallOptions & ReadOptions = {}): Promise<InstalledModel[]> {
    const { baseUrl, apiKey = "" } = this.#options;
    const facts = [baseUrl, revealSecret(apiKey), this.#pulls];
    return this.#calls.run("models", { ...options, facts }, (signal) => installedModels(this.#connection, signal));
  }

  /** The models in memory. @throws IntegrationError FEATURE_DISABLED on a server without the native API */
  async loaded(options: CallOptions = {}): Promise<LoadedModel[]> {
    return this.#calls.run("loaded", options, (signal) => loadedModels(this.#connection, signal));
  }

  /** Downloads a model on the server. @throws IntegrationError FEATURE_DISABLED on a server without the native API */
  async *pull(model: string, options: CallOptions = {}): AsyncGenerator<PullProgress, void, undefined> {
    const idleMs = this.#options.firstByteTimeoutMs; // the check of a large file is long and silent
    const call = { deadlineMs: PULL_DEADLINE_MS, ...own(options), write: true };
    try {
      yield* this.#calls.stream("pull", call, (signal) => pullModel(this.#connection, model, idleMs, signal));
    } finally {
      this.#pulls += 1;
    }
  }

  /** The length of a model's vectors: from the server's facts, or by embedding a word. Remembered. */
  async dimensions(model?: string, options: CallOptions = {}): Promise<number> {
    const name = requireModel(model ?? this.#options.embedModel, "embedModel", "OLLAMA_EMBED_MODEL");
    const known = this.#dimensions.get(name);
    if (known !== undefined) return known;
    const told = await this.#calls.run("dimensions", options, async (signal) =>
      (await this.#connection.face(signal)) === "native" ? embeddingLength(this.#connection, name, signal) : undefined,
    );
    const found = told ?? (await this.embed(["dimensions"], { ...options, model: name }))[0]!.length;
    this.#dimensions.set(name, found);
    return found;
  }

  /** Never rejects but for the caller's own abort: what is wrong is in the answer. */
  async health(signal?: AbortSignal): Promise<OllamaHealth> {
    const { model, embedModel } = this.#options;
    const needed = [model, embedModel].filter((each) => each !== undefined);
    const linked = new LinkedSignal().follow(signal).follow(this.#calls.closing);
    const health = await checkHealth(this.#connection, needed, linked.signal).finally(() => linked.dispose());
    if (signal?.aborted) throw abortedError({ service: "ollama", operation: "health" }, signal.reason);
    return health;
  }

  /** Ends every call under way with `CLOSED` and waits until they are gone. Calling it twice is calling it once. */
  async close(): Promise<void> {
    await this.#calls.close();
    this.#cache.clear();
  }

  async #chat(operation: string, request: ChatRequest): Promise<ChatResult> {
    const call = resolveChat(request, this.#options);
    const ask = () => collect(this.#stream(operation, call, request));
    const deterministic = call.temperature === 0 && call.seed !== undefined;
    if (!this.#options.sharing || !deterministic) return ask();
    const key = createHash("sha256").update(JSON.stringify(call)).digest("base64url");
    return this.#sharedChats.run(key, wishToStop(request), ask);
  }

  #stream(operation: string, call: ChatCall, request: CallOptions): AsyncGenerator<ChatChunk, void, undefined> {
    const { deadlineMs, limit } = this.#options;
    const options = { deadlineMs, ...own(request), ...(limit && { limit }) };
    return this.#calls.stream(operation, options, (signal) => this.#chatAttempt(operation, call, signal));
  }

  async *#chatAttempt(
    operation: string,
    call: ChatCall,
    signal: AbortSignal,
  ): AsyncGenerator<ChatChunk, void, undefined> {
    const startedAt = this.#options.clock.now();
    const leave = await this.#chatGate.enter(call.model, signal);
    try {
      const face = await this.#connection.face(signal);
      for await (const chunk of (face === "native" ? nativeChat : openAiChat)(this.#connection, call, signal)) {
        if (chunk.finish) this.#finished(call.model, operation, startedAt, chunk.finish.usage);
        yield chunk;
      }
    } catch (thrown) {
      this.#failed(call.model, operation, startedAt, thrown);
      throw await withNearestModels(thrown, call.model, this.#connection, signal);
    } finally {
      leave();
    }
  }

  async #embedAttempt(call: EmbedCall, texts: readonly string[], signal: AbortSignal): Promise<number[][]> {
    const startedAt = this.#options.clock.now();
    const leave = await this.#embedGate.enter(call.model, signal);
    try {
      const face = await this.#connection.face(signal);
      const { vectors, inputTokens } = await requestEmbeddings(this.#connection, face, call, texts, signal);
      this.#finished(call.model, "embed", startedAt, { inputTokens, outputTokens: 0 });
      return vectors;
    } catch (thrown) {
      this.#failed(call.model, "embed", startedAt, thrown);
      throw await withNearestModels(thrown, call.model, this.#connection, signal);
    } finally {
      leave();
    }
  }

  #finished(model: string, operation: string, startedAt: number, usage: TokenUsage): void {
    const { clock, events } = this.#options;
    events.emit("model.finished", { model, operation, ...usage, durationMs: clock.now() - startedAt });
  }

  #failed(model: string, operation: string, startedAt: number, thrown: unknown): void {
    const { clock, events } = this.#options;
    const code = IntegrationError.isInstance(thrown) ? thrown.code : "NETWORK";
    events.emit("model.failed", { model, operation, code, durationMs: clock.now() - startedAt });
  }
}

async function collect(chunks: AsyncIterable<ChatChunk>): Promise<ChatResult> {
  let text = "";
  let thinking = "";
  const toolCalls: ToolCall[] = [];
  for await (const chunk of chunks) {
    text += chunk.text;
    thinking += chunk.thinking ?? "";
    toolCalls.push(...(chunk.toolCalls ?? []));
    if (chunk.finish) return { ...chunk.finish, text, thinking, toolCalls };
  }
  throw truncated();
}

/** The caller's own signal and its parent's: whoever joins another's request stops waiting at either. */
function wishToStop({ signal, parent }: CallOptions): AbortSignal | undefined {
  return signal && parent ? AbortSignal.any([signal, parent.signal]) : (signal ?? parent?.signal);
}

/** The part of a request that the runner reads. */
function own({ signal, deadlineMs, priority, parent }: CallOptions): CallOptions {
  return {
    ...(signal && { signal }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(priority && { priority }),
    ...(parent && { parent }),
  };
}
