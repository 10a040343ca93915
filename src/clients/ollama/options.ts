import {
  type CallRunner,
  type CallSpec,
  type Clock,
  directRunner,
  EventBus,
  type FetchLike,
  type Secret,
  systemClock,
  OptionCheck,
  type NumberRange,
} from "../../core/index.ts";

/** What the server's runner is started with; changing one of them makes the server load the model anew. */
export interface RunnerOptions {
  /** Context length in tokens. */
  readonly num_ctx?: number;
  readonly num_batch?: number;
  readonly num_gpu?: number;
  readonly main_gpu?: number;
  readonly num_thread?: number;
  readonly use_mmap?: boolean;
}

export interface OllamaClientOptions {
  /** With or without scheme, port, `/v1` or `/api`. @defaultValue "http://127.0.0.1:11434" */
  readonly baseUrl?: string;
  /** The model of `chat`, `stream` and `generateObject` where the call names none. */
  readonly model?: string;
  /** The model of `embed` where the call names none. */
  readonly embedModel?: string;
  /** 0 to 2. Always sent: the server's own default differs between its two faces. @defaultValue 0.7 */
  readonly temperature?: number;
  /** Longest answer in tokens, 1 or more. @defaultValue 4096 */
  readonly maxTokens?: number;
  /** Sent as `Authorization: Bearer`; ollama.com and proxies need it. */
  readonly apiKey?: string | Secret;
  /** Policies around each call. @defaultValue one attempt under the deadline */
  readonly runner?: CallRunner;
  /** @defaultValue the global `fetch` at the time of the call */
  readonly fetch?: FetchLike;
  readonly clock?: Clock;
  readonly events?: EventBus;
  /** Bound on the answer to a light question (version, models, loaded), ms. @defaultValue 5000 */
  readonly connectTimeoutMs?: number;
  /**
   * Bound on the first byte of an answer, ms: loading a model counts. The global `fetch` gives up after 300,000 by
   * itself; a larger value needs a `fetch` of its own. @defaultValue 300000
   */
  readonly firstByteTimeoutMs?: number;
  /** Bound on the silence between two pieces of a streamed answer, ms (OLLAMA_TIMEOUT). @defaultValue 30000 */
  readonly idleTimeoutMs?: number;
  /** Bound on a whole call, queue and retries included, ms. @defaultValue 600000 */
  readonly deadlineMs?: number;
  /** How long the server keeps a model loaded after a call, s; negative for ever, 0 not at all. @defaultValue 3600 */
  readonly keepAliveSeconds?: number;
  /** Chats sent to one model at a time; the server itself queues without bound. @defaultValue 1 */
  readonly maxConcurrentPerModel?: number;
  /** Chats that may wait for one model; more are refused with `QUEUE_FULL`. @defaultValue 512 */
  readonly maxQueuedPerModel?: number;
  /** Embedding requests in flight. @defaultValue 2 */
  readonly maxConcurrentEmbeds?: number;
  /** Texts in one embedding request. @defaultValue 64 */
  readonly embedBatchSize?: number;
  /** A named limit that each chat, stream and object is charged to; embeddings are not. @defaultValue none */
  readonly limit?: NonNullable<CallSpec["limit"]>;
  /** How long an embedding is remembered, s; 0 remembers none. @defaultValue 3600 */
  readonly embeddingCacheTtlSeconds?: number;
  /** Embeddings remembered; about 4 KB each at 512 dimensions. @defaultValue 5000 */
  readonly embeddingCacheMaxEntries?: number;
  /**
   * True: every call uses {@link runnerOptions}, so that callers cannot make the server reload a model in turns, and
   * equal chats that are deterministic (temperature 0 and a seed) share one request. False: a call may bring options
   * of its own (LLAMA_ENABLE_SHARING). @defaultValue true
   */
  readonly sharing?: boolean;
  /** @defaultValue the server's */
  readonly runnerOptions?: RunnerOptions;
  /**
   * Memory that loaded models may take together, bytes, as the server tells it (LLAMA_MEMORY_RESERVE_SIZE). Before a
   * model is loaded beyond it, models that this client does not use are unloaded; if that is not enough, the call
   * fails with `BUDGET_EXHAUSTED`. @defaultValue no bound
   */
  readonly memoryBudgetBytes?: number;
}

const defaults = {
  baseUrl: "http://127.0.0.1:11434",
  temperature: 0.7,
  maxTokens: 4_096,
  connectTimeoutMs: 5_000,
  firstByteTimeoutMs: 300_000,
  idleTimeoutMs: 30_000,
  deadlineMs: 600_000,
  keepAliveSeconds: 3_600,
  maxConcurrentPerModel: 1,
  maxQueuedPerModel: 512,
  maxConcurrentEmbeds: 2,
  embedBatchSize: 64,
  embeddingCacheTtlSeconds: 3_600,
  embeddingCacheMaxEntries: 5_000,
  sharing: true,
  memoryBudgetBytes: Infinity,
} satisfies OllamaClientOptions;

type Defaulted = keyof typeof defaults | "runner" | "clock" | "events";
export type ResolvedOllamaOptions = Readonly<Omit<OllamaClientOptions, Defaulted>> &
  Readonly<Required<Pick<OllamaClientOptions, Defaulted>>>;

type NumberOption = {
  [K in keyof typeof defaults]: (typeof defaults)[K] extends number ? K : never;
}[keyof typeof defaults];

const ranges: Readonly<Record<NumberOption, NumberRange>> = {
  temperature: { min: 0, max: 2 },
  maxTokens: { min: 1, max: 10_000_000, integer: true },
  connectTimeoutMs: { min: 1, max: Infinity },
  firstByteTimeoutMs: { min: 1, max: Infinity },
  idleTimeoutMs: { min: 1, max: Infinity },
  deadlineMs: { min: 1, max: Infinity },
  keepAliveSeconds: { min: -Infinity, max: Infinity },
  maxConcurrentPerModel: { min: 1, max: 10_000, integer: true },
  maxQueuedPerModel: { min: 0, max: 1_000_000, integer: true },
  maxConcurrentEmbeds: { min: 1, max: 10_000, integer: true },
  embedBatchSize: { min: 1, max: 10_000, integer: true },
  embeddingCacheTtlSeconds: { min: 0, max: Infinity },
  embeddingCacheMaxEntries: { min: 1, max: 10_000_000, integer: true },
  memoryBudgetBytes: { min: 1, max: Infinity },
};

/** @throws IntegrationError INVALID_INPUT that names every bad option at once */
export function resolveOptions(given: OllamaClientOptions): ResolvedOllamaOptions {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const clock = given.clock ?? systemClock;
  const resolved: ResolvedOllamaOptions = {
    ...defaults,
    clock,
    runner: directRunner({ clock }),
    events: new EventBus(),
    ...set,
  };
  const check = new OptionCheck("OllamaClient", "ollama");
  check.numbers(resolved, ranges);
  for (const name of ["model", "embedModel"] as const)
    if (resolved[name]?.trim() === "") check.problem(`${name} must not be empty`);
  check.throwIfAny();
  return resolved;
}
