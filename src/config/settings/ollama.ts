import { decimal, durationMs, durationSeconds, flag, integer, ollamaUrl, sizeBytes, text } from "../kinds/index.ts";
import { setting } from "../setting.ts";

/** `[host/][namespace/]model[:tag]` */
const modelName = text("a model name such as llama3.2 or llama3.2:3b", /^[\w.-]+(:\d+)?(\/[\w.-]+)*(:[\w.-]+)?$/);

export const ollamaSettings = {
  baseUrl: setting("OLLAMA_BASE_URL", ollamaUrl(), {
    default: "http://127.0.0.1:11434",
    description: "The Ollama server, with or without /v1 or /api.",
  }),
  defaultModel: setting("OLLAMA_DEFAULT_MODEL", modelName, {
    default: "llama3.2",
    description: "Model of chats and generated objects that name none.",
  }),
  embedModel: setting("OLLAMA_EMBED_MODEL", modelName, {
    default: "nomic-embed-text",
    description: "Model of embeddings; its dimension is fixed in the database by the first migration.",
  }),
  maxTokens: setting("OLLAMA_MAX_TOKENS", integer({ min: 1, max: 10_000_000 }), {
    default: "4096",
    description: "Most tokens that one answer may have.",
  }),
  temperature: setting("OLLAMA_TEMPERATURE", decimal({ min: 0, max: 2 }), {
    default: "0.7",
    description: "Sampling temperature of calls that name none; it is always sent.",
  }),
  idleTimeoutMs: setting("OLLAMA_TIMEOUT", durationMs({ min: "100ms", max: "1h" }), {
    default: "30s",
    description: "Longest silence between two chunks of an answer; loading a model has a bound of its own.",
  }),
  memoryBudgetBytes: setting("LLAMA_MEMORY_RESERVE_SIZE", sizeBytes({ min: "1MB", max: "100TB" }), {
    description:
      "Memory that loaded models may fill together: a model that does not fit is not started; unset, none is refused.",
  }),
  sharing: setting("LLAMA_ENABLE_SHARING", flag, {
    default: "true",
    description:
      "Pins one set of runner options per model, so that callers share a loaded model, and joins equal requests.",
  }),
  cacheTtlSeconds: setting("LLAMA_CACHE_TTL", durationSeconds({ min: "0s", max: "365d" }), {
    default: "1h",
    description: "How long the server keeps an idle model loaded and the client keeps embeddings.",
  }),
};
