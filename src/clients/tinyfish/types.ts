import { type CallSpec, type IntegrationError, type Priority, type ReadOptions } from "../../core/index.ts";
import { type z } from "zod";

/** A vendor's word: the known ones complete in an editor, a new one is no error. */
type Known<T extends string> = T | (string & Record<never, never>);

export type RunStatus = Known<"PENDING" | "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED">;

/** What every call takes. */
export interface TinyFishCallOptions {
  /** The caller's wish to stop. A run that it belongs to is cancelled at the service. */
  readonly signal?: AbortSignal | undefined;
  /** Total time of the call, ms. */
  readonly deadlineMs?: number | undefined;
  /** @defaultValue "normal" */
  readonly priority?: Priority | undefined;
  /** The attempt that makes this call: its deadline and signal hold for this call too. */
  readonly parent?: CallSpec["parent"] | undefined;
}

/** What a run is asked to do. */
export interface RunRequest<T = unknown> extends TinyFishCallOptions {
  /** http or https; no user name or password. */
  readonly url: string;
  /** In plain words. The service logs it: no secrets. A short reference is added to it, see `TinyFishClient.run`. */
  readonly goal: string;
  /** The shape of the result. Sent as `output_schema` in the service's dialect; the answer is parsed by it. @defaultValue whatever the agent returns */
  readonly output?: z.ZodType<T> | undefined;
  /** @defaultValue "lite", the service's */
  readonly browserProfile?: "lite" | "stealth" | undefined;
  /** `countryCode`: US, GB, CA, DE, FR, JP or AU; a `custom` proxy needs `url`. @defaultValue none */
  readonly proxy?:
    | {
        readonly type?: "tetra" | "custom";
        readonly countryCode?: string;
        readonly url?: string;
        readonly username?: string;
        readonly password?: string;
      }
    | undefined;
  /** 1 to 500; needs the service's beta access. @defaultValue the service's 150 */
  readonly maxSteps?: number | undefined;
  /** Whole seconds, 1 or more. @defaultValue the service's */
  readonly maxDurationSeconds?: number | undefined;
  /** @defaultValue "default", the service's */
  readonly mode?: "default" | "strict" | undefined;
  /** What the service keeps of the run. @defaultValue nothing */
  readonly capture?: Readonly<
    Partial<Record<"elements" | "snapshots" | "screenshots" | "recording" | "html", boolean>>
  >;
  /** Told when the run is over; unsigned, so confirm with `runs.get`. @defaultValue none */
  readonly webhookUrl?: string | undefined;
  /** A saved browser profile. @defaultValue none */
  readonly profileId?: string | undefined;
  /** Vault items the run may use; an empty list allows all. @defaultValue none */
  readonly credentialItemIds?: readonly string[] | undefined;
  /**
   * Makes the same request at most one run, across processes and restarts: a run that was created under the key and has
   * not failed is adopted instead of paid again. @defaultValue one key per call
   */
  readonly idempotencyKey?: string | undefined;
}

/** Why a run failed, in the service's words. */
export interface RunFailure {
  readonly code?: string;
  readonly message: string;
  readonly category: Known<"SYSTEM_FAILURE" | "AGENT_FAILURE" | "BILLING_FAILURE" | "UNKNOWN">;
  readonly retryAfterSeconds?: number;
  readonly helpUrl?: string;
  readonly helpMessage?: string;
}

export interface RunStep {
  readonly id: string;
  readonly timestamp: string | null;
  readonly status: string;
  readonly action: string | null;
  /** In the service's words, e.g. `1.2s`. */
  readonly duration: string | null;
}

/** A run as the service tells it; an entry of a list has no steps. Timestamps are ISO 8601. */
export interface Run {
  readonly runId: string;
  readonly status: RunStatus;
  readonly goal: string;
  readonly createdAt: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** `null` until the run is over. */
  readonly numberOfSteps: number | null;
  /** As the agent returned it, not parsed. */
  readonly result: unknown;
  readonly schemaValidation: {
    readonly valid: boolean;
    readonly repromptAttempts: number;
    readonly errors: readonly unknown[];
  } | null;
  readonly error: RunFailure | null;
  readonly streamingUrl: string | null;
  readonly videoUrl: string | null;
  readonly steps: readonly RunStep[];
}

/** A run that did what it was asked. */
export interface RunOutcome<T> {
  readonly runId: string;
  readonly result: T;
  readonly steps: number;
  /** Steps times the price of a step. */
  readonly costUsd: number;
  readonly run: Run;
}

/** The type names are the service's. The last event is `COMPLETE`, and there is one of it. */
export type RunEvent<T = unknown> =
  | { readonly type: "STARTED"; readonly runId: string }
  | { readonly type: "STREAMING_URL"; readonly runId: string; readonly streamingUrl: string }
  | { readonly type: "PROGRESS"; readonly runId: string; readonly purpose: string; readonly api?: string }
  | { readonly type: "API_RESULT"; readonly runId: string; readonly api: string; readonly result: readonly unknown[] }
  | { readonly type: "HEARTBEAT" }
  /** An event that this version does not know. */
  | { readonly type: "UNKNOWN"; readonly event: unknown }
  | ({ readonly type: "COMPLETE"; readonly runId: string; readonly status: RunStatus; readonly run: Run } & RunEnd<T>);

/** How a run ended: with what `run()` returns, or with the error that it throws. */
export type RunEnd<T> =
  | { readonly outcome: RunOutcome<T>; readonly error?: never }
  | { readonly outcome?: never; readonly error: IntegrationError };

export interface ListRunsRequest extends TinyFishCallOptions {
  readonly status?: RunStatus | undefined;
  /** Part of the goal, any case. Up to 500 characters. */
  readonly goal?: string | undefined;
  /** ISO 8601. */
  readonly createdAfter?: string | undefined;
  /** ISO 8601. */
  readonly createdBefore?: string | undefined;
  /** @defaultValue "desc": newest first */
  readonly sort?: "asc" | "desc" | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 100. @defaultValue 20 */
  readonly limit?: number | undefined;
}

export interface RunsPage {
  readonly runs: readonly Run[];
  readonly total: number | null;
  /** `null` on the last page. */
  readonly nextCursor: string | null;
}

export interface CancelResult {
  readonly runId: string;
  readonly status: RunStatus;
  /** `null` if the run was over already. */
  readonly cancelledAt: string | null;
  readonly message: string | null;
}

export interface SearchRequest extends TinyFishCallOptions, ReadOptions {
  readonly query: string;
  /** Why, up to 2000 characters: helps the ranking. */
  readonly purpose?: string | undefined;
  /** Country code. */
  readonly location?: string | undefined;
  readonly language?: string | undefined;
  /** @defaultValue "web" */
  readonly domainType?: "web" | "news" | "research_paper" | undefined;
  /** 1 to 5,256,000. */
  readonly recencyMinutes?: number | undefined;
  /** YYYY-MM-DD. */
  readonly afterDate?: string | undefined;
  /** YYYY-MM-DD. */
  readonly beforeDate?: string | undefined;
  readonly includeDomains?: readonly string[] | undefined;
  readonly excludeDomains?: readonly string[] | undefined;
  /** 0 to 10. @defaultValue 0 */
  readonly page?: number | undefined;
}

export interface SearchResult {
  readonly position: number;
  readonly siteName: string | null;
  readonly title: string;
  readonly snippet: string | null;
  readonly url: string;
  /** Everything the service said about it, e.g. a paper's authors. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface SearchPage {
  readonly query: string;
  readonly results: readonly SearchResult[];
  readonly totalResults: number | null;
  readonly page: number;
}

/** `cache` keeps the answer to each request of up to ten URLs, if all of them could be got. */
export interface FetchRequest extends TinyFishCallOptions, ReadOptions {
  /** http or https. More than ten are fetched in several requests. */
  readonly urls: readonly string[];
  /** @defaultValue "markdown" */
  readonly format?: "markdown" | "html" | "json" | undefined;
  readonly links?: boolean | undefined;
  readonly imageLinks?: boolean | undefined;
  /** How old a cached page may be, s; 0 prefers the live page. */
  readonly ttlSeconds?: number | undefined;
  readonly perUrlTimeoutMs?: number | undefined;
  readonly purpose?: string | undefined;
}

export interface FetchedPage {
  readonly url: string;
  readonly finalUrl: string;
  readonly title: string | null;
  readonly description: string | null;
  readonly language: string | null;
  readonly author: string | null;
  readonly publishedDate: string | null;
  readonly format: string;
  /** A string; a tree for `json`. */
  readonly text: unknown;
  readonly links: readonly string[];
  readonly imageLinks: readonly string[];
}

/** A page that could not be had. */
export interface FetchFailure {
  readonly url: string;
  /** The service's word, e.g. `page_not_found`; `request_failed` if the whole request failed. */
  readonly error: string;
  readonly status: number | null;
}

export interface FetchResult {
  readonly pages: readonly FetchedPage[];
  readonly errors: readonly FetchFailure[];
}

export interface WalletState {
  /** May be negative. */
  readonly availableUsd: number;
  readonly currency: string;
  readonly asOf: string | null;
  /** Price of a step as the service tells it, USD. */
  readonly usdPerStep: number | null;
}

export interface TinyFishHealth {
  /** `degraded`: reachable, but the wallet is empty. */
  readonly status: "up" | "degraded" | "down";
  readonly detail?: string;
  readonly latencyMs: number;
}
