import { type ZodType } from "zod";

/** What the listings room needs from the clients: the parts of their interfaces that it calls, and no more. */

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

export interface StatementOptions extends CallOptions {
  /** The statement may be sent twice: every write of this room is an upsert or a guarded update, and says so. */
  readonly idempotent?: boolean;
}

export interface Queryable {
  query<R extends object>(text: string, params?: readonly unknown[], options?: StatementOptions): Promise<R[]>;
}

export interface Database extends Queryable {
  /** Runs `fn` in a transaction in which row-level security sees the token's user. */
  asUser<T>(token: string, fn: (transaction: Queryable) => Promise<T>): Promise<T>;
}

export interface ScrapeRun<T> extends CallOptions {
  readonly url: string;
  readonly goal: string;
  readonly output: ZodType<T>;
  /** Names the piece of work: asked for again, the run that was paid for already answers. */
  readonly idempotencyKey: string;
}

export interface Scraper {
  run<T>(request: ScrapeRun<T>): Promise<{ readonly result: T }>;
}

export interface Embedder {
  /** One vector per text, in order. */
  embed(texts: readonly string[], options?: CallOptions): Promise<number[][]>;
  readonly embedModel: string;
}

export interface FileStore {
  upload(
    file: {
      readonly bucket: string;
      readonly path: string;
      readonly body: Uint8Array;
      readonly contentType: string;
      readonly upsert: boolean;
      readonly token: string;
    } & CallOptions,
  ): Promise<unknown>;
}

export interface Verifier {
  verify(token: string): Promise<{ readonly userId: string }>;
}

/** The plan's switches; a feature that is off rejects with `FEATURE_DISABLED` and its variable's name. */
export interface FeatureSwitches {
  /** @throws IntegrationError FEATURE_DISABLED */
  require(feature: FeatureName): void;
  isOn(feature: FeatureName): boolean;
}
export type FeatureName =
  "vectorSearch" | "semanticSearch" | "persistentStorage" | "marketMonitoring" | "fileStorage" | "scraping";

export const everyFeatureOn: FeatureSwitches = { require: () => undefined, isOn: () => true };
