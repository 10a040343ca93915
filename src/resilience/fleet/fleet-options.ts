import { type Clock, type Logger, silentLogger, systemClock, OptionCheck } from "../../core/index.ts";
import { isRedisClient, type RedisClientLike, type RunScript, scriptRunner } from "../redis/redis-client.ts";
import { CIRCUIT_SCRIPT, CIRCUIT_SCRIPT_SHA } from "./circuit-script.ts";
import { type FleetSubscriber } from "./subscription.ts";

export interface FleetBreakersOptions {
  /** A ready client of ioredis or node-redis; whoever made it closes it. */
  readonly client: RedisClientLike;
  /** A second connection of the same library, for nothing else. With it, changes arrive within milliseconds; without it, or when it loses a message, with the next poll. */
  readonly subscriber?: FleetSubscriber;
  /** Of keys and of the channel. @defaultValue "enhanced-integration:circuit:" */
  readonly prefix?: string;
  /**
   * How often the fleet is asked for news, ms, 10 to 60,000. A change reaches every process that reaches Redis within
   * this time and one command. @defaultValue 1,000
   */
  readonly pollMs?: number;
  /**
   * For how long one process alone probes a service, ms, 3 × `pollMs` to an hour. Renewed while its probes are on their
   * way; if the process dies, another one takes over after it. @defaultValue 10,000
   */
  readonly leaseMs?: number;
  /** A command that takes longer means that Redis is away, ms, 1 to 60,000. @defaultValue 250 */
  readonly commandTimeoutMs?: number;
  readonly clock?: Clock;
  /** Told when Redis goes away and when it is back. */
  readonly logger?: Logger;
}

export interface ResolvedFleetOptions extends Required<Omit<FleetBreakersOptions, "client" | "subscriber">> {
  /** Runs the circuits' script. */
  readonly run: RunScript;
  /** On which the service's name is said when its circuit has changed. */
  readonly channel: string;
}

const DEFAULTS = {
  prefix: "enhanced-integration:circuit:",
  pollMs: 1_000,
  leaseMs: 10_000,
  commandTimeoutMs: 250,
  clock: systemClock,
  logger: silentLogger,
};

/** @throws IntegrationError `INVALID_INPUT` naming every bad option */
export function resolveFleet(options: FleetBreakersOptions): ResolvedFleetOptions {
  const pollMs = options.pollMs ?? DEFAULTS.pollMs;
  const prefix = options.prefix ?? DEFAULTS.prefix;
  const resolved = {
    prefix,
    pollMs,
    leaseMs: options.leaseMs ?? Math.max(DEFAULTS.leaseMs, 3 * pollMs),
    commandTimeoutMs: options.commandTimeoutMs ?? DEFAULTS.commandTimeoutMs,
    clock: options.clock ?? DEFAULTS.clock,
    logger: options.logger ?? DEFAULTS.logger,
  };
  const check = new OptionCheck("FleetBreakers");
  if (!isRedisClient(options.client)) check.problem("client must be a client of ioredis or node-redis");
  const { subscriber } = options;
  if (subscriber !== undefined && typeof subscriber?.subscribe !== "function")
    check.problem("subscriber must be a connected client of ioredis or node-redis that does nothing else");
  check.number("pollMs", pollMs, { min: 10, max: 60_000 });
  check.number("leaseMs", resolved.leaseMs, { min: 3 * pollMs, max: 3_600_000 });
  check.number("commandTimeoutMs", resolved.commandTimeoutMs, { min: 1, max: 60_000 });
  check.throwIfAny();
  return {
    ...resolved,
    channel: `${prefix}changed`,
    run: scriptRunner(options.client, CIRCUIT_SCRIPT, CIRCUIT_SCRIPT_SHA),
  };
}
