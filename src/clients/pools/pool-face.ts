import { type EventEmitter } from "node:events";
import pg from "pg";

type ConnectCallback = (error: unknown, client: pg.PoolClient | undefined, release: (error?: unknown) => void) => void;

/** pg's pool, of which only `query`, the options and the type are left. */
const Base = pg.Pool as unknown as new (config: pg.PoolConfig) => EventEmitter & { ending: boolean; ended: boolean };

/** What Kysely, Drizzle and others take for a `pg.Pool`, and `instanceof` as well. */
export abstract class PoolFace extends Base {
  abstract readonly totalCount: number;
  abstract readonly idleCount: number;
  abstract readonly waitingCount: number;
  /** Always 0: what is too old is not kept. */
  get expiredCount(): number {
    return 0;
  }

  abstract acquire(): Promise<pg.PoolClient>;

  /** A connection as other tools see it. */
  protected abstract forTools(client: pg.PoolClient): pg.PoolClient;

  /** pg's way of lending. */
  connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    const lending = this.acquire().then((client) => this.forTools(client));
    if (!callback) return lending;
    lending.then(
      (client) => callback(undefined, client, (error) => client.release(error as Error | undefined)),
      (error: unknown) => callback(error, undefined, () => undefined),
    );
    return undefined;
  }
}
