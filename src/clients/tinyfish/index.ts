export { type RunBatchRequest, TinyFishClient, type TinyFishRuns } from "./client.ts";
export { type TinyFishClientOptions } from "./options.ts";
export { type TinyFishSchema, zodToTinyFishSchema } from "./output-schema.ts";
export type {
  CancelResult,
  FetchedPage,
  FetchFailure,
  FetchRequest,
  FetchResult,
  ListRunsRequest,
  Run,
  RunEnd,
  RunEvent,
  RunFailure,
  RunOutcome,
  RunRequest,
  RunsPage,
  RunStatus,
  RunStep,
  SearchPage,
  SearchRequest,
  SearchResult,
  TinyFishCallOptions,
  TinyFishHealth,
  WalletState,
} from "./types.ts";
export { quotaOfUrl as tinyFishQuotaOf } from "./quotas.ts";
