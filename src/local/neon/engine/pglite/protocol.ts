/** What the host and the worker that runs PGlite say to each other. Kept free of imports: both sides load it. */

export interface WorkerSettings {
  /** Where the database lives on disk; undefined keeps it in memory. */
  readonly dataDir: string | undefined;
  /** Where the dump of a fresh database is kept; undefined builds one each time. */
  readonly cacheDir: string | undefined;
}

export type ToWorker =
  | { readonly kind: "execute"; readonly bytes: Uint8Array }
  /** Flushes, closes the database, ends the worker. */
  | { readonly kind: "close" };

/** Where the database came from, cheapest first. */
export type PgliteStart = "data-dir" | "cached-dump" | "initdb";

export type FromWorker =
  | { readonly kind: "ready"; readonly startedFrom: PgliteStart; readonly notes: readonly string[] }
  /** Part of the answer to the statement under way. */
  | { readonly kind: "answer"; readonly bytes: Uint8Array }
  /** The last part: the statement is over. */
  | { readonly kind: "done"; readonly bytes: Uint8Array }
  /** The database is gone: it could not start, or it died under a statement. */
  | { readonly kind: "failed"; readonly message: string; readonly missingPackage?: string };
