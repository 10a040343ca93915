export { OllamaClient } from "./client.ts";
export { type OllamaClientOptions, type RunnerOptions } from "./options.ts";
export { type CallOptions, type ChatRequest, type EmbedRequest, type ObjectRequest } from "./requests.ts";
export {
  type ChatChunk,
  type ChatDurations,
  type ChatFinish,
  type ChatMessage,
  type ChatResult,
  type TokenUsage,
  type ToolCall,
  type ToolDefinition,
} from "./types.ts";
export { type GeneratedObject } from "./generate-object.ts";
export { type InstalledModel, type LoadedModel } from "./models.ts";
export { type OllamaHealth } from "./health.ts";
export { type PullProgress } from "./pull.ts";
export { type OllamaErrorKind } from "./errors.ts";
export { normalizeBaseUrl, type OllamaBaseUrl } from "./base-url.ts";
export { quotaOfUrl as ollamaQuotaOf } from "./quotas.ts";
