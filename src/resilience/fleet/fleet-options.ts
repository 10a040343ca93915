import { type Clock, type Logger, silentLogger, systemClock } from "../../core/index.ts";
import { OptionCheck } from "../check-options.ts";

/** The one command that a fleet needs; an ioredis client fits as it is. */
export interface FleetClient {
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
}

/** A second connection, for being told at once; an ioredis client fits as it is. */
export interface FleetSubscriber {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: "message", listener: (channel: string, message: string) => void): unknown;
  off(event: "message", listener: (channel: string, message: string) => void): unknown;
}

export interface FleetBreakersOptions {
  /** A ready client; whoever made it closes it. */
  readonly client: FleetClient;
  /** With it, changes arrive within milliseconds; without it, or when it loses a message, with the next poll. */
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

export type ResolvedFleetOptions = Required<Omit<FleetBreakersOptions, "subscriber">>;

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
  const resolved = {
    client: options.client,
    prefix: options.prefix ?? DEFAULTS.prefix,
    pollMs,
    leaseMs: options.leaseMs ?? Math.max(DEFAULTS.leaseMs, 3 * pollMs),
    commandTimeoutMs: options.commandTimeoutMs ?? DEFAULTS.commandTimeoutMs,
    clock: options.clock ?? DEFAULTS.clock,
    logger: options.logger ?? DEFAULTS.logger,
  };
  const check = new OptionCheck("FleetBreakers");
  if (typeof resolved.client?.eval !== "function") check.problem("client must have a method eval, as ioredis has");
  check.number("pollMs", pollMs, { min: 10, max: 60_000 });
  check.number("leaseMs", resolved.leaseMs, { min: 3 * pollMs, max: 3_600_000 });
  check.number("commandTimeoutMs", resolved.commandTimeoutMs, { min: 1, max: 60_000 });
  check.throwIfAny();
  return resolved;
}
