import { Worker } from "node:worker_threads";
import { type Clock, IntegrationError, type Logger, type TimerHandle } from "../../../../core/index.ts";
import { type FromWorker, type PgliteStart, type ToWorker, type WorkerSettings } from "./protocol.ts";
import { workerUrl } from "./worker-url.ts";

export interface PgliteWorkerOptions extends WorkerSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a database that does not come to an end is waited for, milliseconds. */
  readonly closeTimeoutMs: number;
  /** The database died; nothing brings it back. */
  readonly onFailure: (error: Error) => void;
}

/** Many times what making a database takes on a slow machine. */
const START_TIMEOUT_MS = 120_000;

/** PGlite in its worker thread, seen from the host's: protocol bytes in, protocol bytes out, one exchange at a time. */
export class PgliteWorker {
  readonly startedFrom: PgliteStart;
  readonly #worker: Worker;
  readonly #options: PgliteWorkerOptions;
  readonly #exited: Promise<void>;
  #exchange: { onAnswer: (bytes: Uint8Array) => void; resolve: () => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;

  private constructor(worker: Worker, options: PgliteWorkerOptions, startedFrom: PgliteStart) {
    this.#worker = worker;
    this.#options = options;
    this.startedFrom = startedFrom;
    this.#exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.on("message", (message: FromWorker) => this.#receive(message));
    worker.on("error", (error) => this.#fail(error));
    worker.on("exit", () => this.#fail(new Error("the worker thread ended")));
  }

  /** @throws IntegrationError FEATURE_DISABLED naming the package that is missing, INVALID_INPUT when the data will not open */
  static async start(options: PgliteWorkerOptions): Promise<PgliteWorker> {
    const { dataDir, cacheDir, logger, clock } = options;
    // Flags of the host's own process (a debugger's port, a loader) are not for this thread.
    const worker = new Worker(workerUrl(), {
      workerData: { dataDir, cacheDir } satisfies WorkerSettings,
      execArgv: [],
    });
    let timer: TimerHandle | undefined;
    const first = await new Promise<FromWorker>((resolve) => {
      const late = { kind: "failed", message: `it was not ready within ${START_TIMEOUT_MS} ms` } as const;
      timer = clock.setTimer(() => resolve(late), START_TIMEOUT_MS);
      worker.once("message", resolve);
      // Kept for the worker's life: an error without a listener would take the host down.
      worker.on("error", (error) => resolve({ kind: "failed", message: error.message }));
      worker.once("exit", () => resolve({ kind: "failed", message: "the worker thread ended" }));
    });
    timer?.cancel();
    if (first.kind === "ready") {
      for (const note of first.notes) logger.warn({ service: "neon" }, `local Neon: ${note}`);
      return new PgliteWorker(worker, options, first.startedFrom);
    }
    await worker.terminate();
    throw startError(first, dataDir);
  }

  /** False once the database died; it does not come back. */
  get isAlive(): boolean {
    return this.#failure === undefined;
  }

  /** Sends messages that end with a point at which the backend waits again; resolves when all of the answer was passed on. */
  execute(bytes: Uint8Array, onAnswer: (bytes: Uint8Array) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      if (this.#exchange) throw new Error("one exchange at a time: the lock was not asked for");
      this.#exchange = { onAnswer, resolve, reject };
      this.#worker.postMessage({ kind: "execute", bytes } satisfies ToWorker);
    });
  }

  /** Flushes and closes; a statement that will not end is ended with its thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, closeTimeoutMs, logger } = this.#options;
    if (!this.isAlive) return void (await this.#worker.terminate());
    this.#worker.postMessage({ kind: "close" } satisfies ToWorker);
    const timer = clock.setTimer(() => {
      logger.warn({ service: "neon" }, `local Neon: still busy after ${closeTimeoutMs} ms; its worker was ended`);
      void this.#worker.terminate();
    }, closeTimeoutMs);
    await this.#exited;
    timer.cancel();
  }

  #receive(message: FromWorker): void {
    if (message.kind === "failed") return this.#fail(new Error(message.message));
    if (message.kind === "ready") return;
    this.#exchange?.onAnswer(message.bytes);
    if (message.kind === "done") {
      const exchange = this.#exchange;
      this.#exchange = undefined;
      exchange?.resolve();
    }
  }

  #fail(error: Error): void {
    if (!this.#failure) {
      this.#failure = error;
      if (!this.#closing) this.#options.onFailure(error);
      void this.#worker.terminate();
    }
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.reject(this.#failure);
  }
}

function startError(first: FromWorker, dataDir: string | undefined): IntegrationError {
  const { message, missingPackage } = first.kind === "failed" ? first : { message: first.kind };
  if (missingPackage !== undefined)
    return new IntegrationError({
      code: "FEATURE_DISABLED",
      service: "neon",
      message: `the local Neon needs ${missingPackage}, which is not installed; run: npm install --save-dev @electric-sql/pglite@0.5.14 @electric-sql/pglite-pgvector@0.0.15`,
    });
  const hint = dataDir === undefined ? "" : `; if ${dataDir} was made by another version, choose another folder`;
  return new IntegrationError({
    code: "INVALID_INPUT",
    service: "neon",
    message: `the local Neon's database did not start: ${message}${hint}`,
  });
}
