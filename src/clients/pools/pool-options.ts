import {
  type Clock,
  type EventBus,
  IntegrationError,
  type Logger,
  type Random,
  type Secret,
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
  /** An idle connection is closed after so many ms; 0 keeps it. @defaultValue 30000 */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Bound on getting a connection, ms: queue, connect and the wake-up of a suspended compute.
   * @defaultValue 15000: Neon's proxy itself tries for about 13 s
   */
  readonly connectionTimeoutMs?: number | undefined;
  /** Bound on one statement, ms, here and on the server. @defaultValue 30000 */
  readonly queryTimeoutMs?: number | undefined;
  /** A connection is replaced at this age, ms, less up to a tenth by chance; 0 never. @defaultValue 1800000 */
  readonly maxLifetimeMs?: number | undefined;
  /** Shown in `pg_stat_activity`. @defaultValue "enhanced-integration" */
  readonly applicationName?: string | undefined;
  /** Names the pool in events. @defaultValue "neon" */
  readonly name?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly events?: EventBus | undefined;
  readonly logger?: Logger | undefined;
}

export const poolDefaults = {
  transport: "auto",
  max: 20,
  idleTimeoutMs: 30_000,
  connectionTimeoutMs: 15_000,
  queryTimeoutMs: 30_000,
  maxLifetimeMs: 1_800_000,
  applicationName: "enhanced-integration",
  name: "neon",
} as const;

export interface PoolLimits {
  readonly max: number;
  readonly idleTimeoutMs: number;
  readonly connectionTimeoutMs: number;
  readonly queryTimeoutMs: number;
  readonly maxLifetimeMs: number;
  readonly applicationName: string;
}

const dayMs = 86_400_000;
const ranges: readonly (readonly [keyof typeof poolDefaults & keyof PoolLimits, number, number])[] = [
  ["max", 1, 10_000],
  ["idleTimeoutMs", 0, dayMs],
  ["connectionTimeoutMs", 1, dayMs],
  ["queryTimeoutMs", 1, dayMs],
  ["maxLifetimeMs", 0, dayMs],
];

/** @throws IntegrationError INVALID_INPUT naming every option out of range */
export function resolvePoolLimits(options: Omit<PoolOptions, "connectionString">): PoolLimits {
  const limits = { ...poolDefaults, ...defined(options) } as PoolLimits;
  const problems = ranges
    .filter(([name, low, high]) => !isWithin(limits[name], low, high))
    .map(([name, low, high]) => `${name} must be a whole number from ${low} to ${high}, got ${String(limits[name])}`);
  const transport = options.transport ?? "auto";
  if (!["auto", "websocket", "http", "tcp"].includes(transport))
    problems.push(`transport must be auto, websocket, http or tcp, got ${transport}`);
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: problems.join("; "), service: "neon" });
  return limits;
}

function isWithin(value: unknown, low: number, high: number): boolean {
  return Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
}

function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
