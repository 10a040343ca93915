import {
  type Clock,
  type EventBus,
  type Logger,
  type Random,
  type Redact,
  type Secret,
  OptionCheck,
  type NumberRange,
} from "../../core/index.ts";

/** How statements travel: see {@link PoolOptions.transport}. */
export type NeonTransport = "auto" | "websocket" | "http" | "tcp";

export interface PoolOptions {
  /** `postgresql://user:password@host:port/database`. */
  readonly connectionString: string | Secret;
  /**
   * `auto`: Neon's protocols for a Neon host, TCP for any other. `websocket` and `http` both force Neon's protocols
   * (transactions over WebSockets, single statements over HTTP), `tcp` forces PostgreSQL's own.
   * @defaultValue "auto"
   */
  readonly transport?: NeonTransport | undefined;
  /** Connections at most, 1 to 10000. The database sees processes × `max`. @defaultValue 20 */
  readonly max?: number | undefined;
  /** Callers that may wait for a connection, 0 to 1000000; one more is refused at once with QUEUE_FULL. @defaultValue 1000 */
  readonly maxWaiting?: number | undefined;
  /** An idle connection is closed after so many ms; 0 keeps it. @defaultValue 30000 */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Bound on getting a connection, ms: queue, connect and the wake-up of a suspended compute.
   * @defaultValue 15000: Neon's proxy itself tries for about 13 s
   */
  readonly connectionTimeoutMs?: number | undefined;
  /** Bound on one statement, ms, here and on the server. @defaultValue 30000 */
  readonly queryTimeoutMs?: number | undefined;
  /**
   * The server ends a session that does nothing within a transaction for so long, ms: the locks of a process that vanished
   * are free again. 0 leaves it to the server's setting.
   * @defaultValue 60000
   */
  readonly idleInTransactionMs?: number | undefined;
  /** A connection is replaced at this age, ms, less up to a tenth by chance; 0 never. @defaultValue 1800000 */
  readonly maxLifetimeMs?: number | undefined;
  /** A connection is replaced after it was lent so often; 0 never. @defaultValue 0 */
  readonly maxUses?: number | undefined;
  /**
   * A connection that was silent for longer must answer an empty question before it is lent, ms: a path that died
   * without a word is found in `validationTimeoutMs` and not by a caller's deadline. After a statement that nobody
   * answered, every idle connection must. 0: always.
   * @defaultValue 5000
   */
  readonly validateAfterIdleMs?: number | undefined;
  /** Bound on that answer, ms; without it the connection, and all that are as doubtful, are replaced. @defaultValue 500 */
  readonly validationTimeoutMs?: number | undefined;
  /**
   * A connection held for longer is probably a leak, ms: it is warned about, with the stack of who took it. 0 is off;
   * on, each lending costs the capture of a stack.
   * @defaultValue 0
   */
  readonly leakAfterMs?: number | undefined;
  /** The compute's own time to suspend, ms: what the awake-minutes meter assumes. @defaultValue 300000 */
  readonly suspendAfterMs?: number | undefined;
  /** The database is a read replica: that it takes no writes is its nature, and no trouble. @defaultValue false */
  readonly isReplica?: boolean | undefined;
  /** Shown in `pg_stat_activity`. @defaultValue "enhanced-integration" */
  readonly applicationName?: string | undefined;
  /** Names the pool in events and metrics. @defaultValue "neon" */
  readonly name?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly events?: EventBus | undefined;
  readonly logger?: Logger | undefined;
  /** Takes secrets out of what the server says, before anybody hears of it. @defaultValue nothing is taken out */
  readonly redact?: Redact | undefined;
}

export const poolDefaults = {
  transport: "auto",
  max: 20,
  maxWaiting: 1_000,
  idleTimeoutMs: 30_000,
  connectionTimeoutMs: 15_000,
  queryTimeoutMs: 30_000,
  idleInTransactionMs: 60_000,
  maxLifetimeMs: 1_800_000,
  maxUses: 0,
  validateAfterIdleMs: 5_000,
  validationTimeoutMs: 500,
  leakAfterMs: 0,
  suspendAfterMs: 300_000,
  applicationName: "enhanced-integration",
  name: "neon",
} as const;

const dayMs = 86_400_000;
const ranges = {
  max: { min: 1, max: 10_000, integer: true },
  maxWaiting: { min: 0, max: 1_000_000, integer: true },
  idleTimeoutMs: { min: 0, max: dayMs, integer: true },
  connectionTimeoutMs: { min: 1, max: dayMs, integer: true },
  queryTimeoutMs: { min: 1, max: dayMs, integer: true },
  idleInTransactionMs: { min: 0, max: dayMs, integer: true },
  maxLifetimeMs: { min: 0, max: dayMs, integer: true },
  maxUses: { min: 0, max: 1_000_000_000, integer: true },
  validateAfterIdleMs: { min: 0, max: dayMs, integer: true },
  validationTimeoutMs: { min: 1, max: 60_000, integer: true },
  leakAfterMs: { min: 0, max: dayMs, integer: true },
  suspendAfterMs: { min: 1_000, max: 7 * dayMs, integer: true },
} as const satisfies Partial<Record<keyof typeof poolDefaults, NumberRange>>;

/** The numbers a pool works with. */
export type PoolLimits = Readonly<Record<keyof typeof ranges, number>> & { readonly applicationName: string };

/** @throws IntegrationError INVALID_INPUT naming every option out of range */
export function resolvePoolLimits(options: Omit<PoolOptions, "connectionString">): PoolLimits {
  const limits = { ...poolDefaults, ...defined(options) } as PoolLimits;
  const check = new OptionCheck("ConnectionPoolManager", "neon");
  check.numbers(limits, ranges);
  check.oneOf("transport", options.transport, ["auto", "websocket", "http", "tcp"]);
  check.throwIfAny();
  return limits;
}

function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
