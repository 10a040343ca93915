import { type Clock, type Logger } from "../../../../core/index.ts";
import { type SqlFault } from "../../wire/index.ts";
import { type DatabaseEngine, type EngineSession, type SessionOptions } from "../engine.ts";
import { Backend } from "./backend.ts";
import { Multiplexer } from "./multiplexer.ts";
import { settingsFromStartup } from "./session-settings.ts";
import { PgliteWorker } from "./worker.ts";

export interface PgliteEngineOptions {
  readonly dataDir: string | undefined;
  readonly cacheDir: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly idleInTransactionTimeoutMs: number;
  readonly closeTimeoutMs: number;
  /** The database died; nothing brings it back. */
  readonly onFailure: (error: Error) => void;
}

/** PostgreSQL with pgvector in a worker thread of this process: one backend that all sessions take turns on. */
export class PgliteEngine implements DatabaseEngine {
  readonly name = "pglite";
  readonly notices: readonly string[] = [];
  readonly #worker: PgliteWorker;
  readonly #mux: Multiplexer;
  readonly #reported: ReadonlyMap<string, string>;

  private constructor(worker: PgliteWorker, mux: Multiplexer, reported: ReadonlyMap<string, string>) {
    this.#worker = worker;
    this.#mux = mux;
    this.#reported = reported;
  }

  /** @throws IntegrationError FEATURE_DISABLED without PGlite installed, INVALID_INPUT when the data will not open */
  static async start(options: PgliteEngineOptions): Promise<PgliteEngine> {
    const worker = await PgliteWorker.start(options);
    const backend = new Backend(worker);
    return new PgliteEngine(worker, new Multiplexer(backend, options), await backend.reported());
  }

  get startedFrom() {
    return this.#worker.startedFrom;
  }

  get isAlive(): boolean {
    return this.#worker.isAlive;
  }

  get sessions(): number {
    return this.#mux.sessions;
  }

  get waiting(): number {
    return this.#mux.lock.waiting;
  }

  async open({ parameters, onUnasked, onEnded }: SessionOptions): Promise<EngineSession> {
    const reported = new Map([...this.#reported].map(([name, value]) => [name, parameters.get(name) ?? value]));
    return this.#mux.open({ settings: settingsFromStartup(parameters), reported, onNotification: onUnasked, onEnded });
  }

  async openForRequest(): Promise<EngineSession> {
    return this.#mux.open();
  }

  cancel(pid: number, secret: number): void {
    this.#mux.cancel(pid, secret);
  }

  async close(reason: SqlFault): Promise<void> {
    this.#mux.close(reason);
    await this.#worker.close();
  }
}
