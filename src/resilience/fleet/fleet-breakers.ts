import { describeThrown, type TimerHandle } from "../../core/index.ts";
import { type CircuitBreaker } from "../circuit-breaker.ts";
import { FleetMember } from "./fleet-member.ts";
import { type FleetBreakersOptions, type ResolvedFleetOptions, resolveFleet } from "./fleet-options.ts";
import { type Subscription, subscription } from "./subscription.ts";

/**
 * Shares the circuits of many processes through Redis. What one has seen (opened, closed, isolated by hand) the others
 * follow within `pollMs` and a command, or at once with a subscriber; one process at a time probes a service. Calls never
 * wait for it: each breaker decides from its own memory, and by its own counts while Redis is away.
 *
 * @example
 * const fleet = new FleetBreakers({ client: redis, subscriber: redis.duplicate() });
 * fleet.join(breaker);
 * await fleet.start();
 */
export class FleetBreakers {
  readonly #options: ResolvedFleetOptions;
  readonly #subscription: Subscription | undefined;
  readonly #members = new Set<FleetMember>();
  #timer: TimerHandle | undefined = undefined;
  #running = false;

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: FleetBreakersOptions) {
    this.#options = resolveFleet(options);
    const hear = (circuit: string) => {
      for (const member of this.#members) if (member.name === circuit) void member.exchange();
    };
    const { channel } = this.#options;
    this.#subscription = options.subscriber && subscription(options.subscriber, channel, hear);
  }

  /** Redis has answered the last command of every breaker. */
  get connected(): boolean {
    return this.#running && [...this.#members].every((member) => member.connected);
  }

  /**
   * Shares a breaker with those of the same service, or of the same part of it, in other processes.
   *
   * @returns a function after which it is alone again
   * @throws IntegrationError `INVALID_INPUT` if it belongs to a fleet already
   */
  join(breaker: CircuitBreaker): () => Promise<void> {
    const member = new FleetMember(breaker, this.#options);
    this.#members.add(member);
    if (this.#running) void member.start();
    return async () => {
      this.#members.delete(member);
      await member.leave();
    };
  }

  /** Learns what the fleet knows and stays up to date. Resolves also if Redis is away: it is tried again with each poll. */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#poll();
    if (this.#subscription) void this.#listen(this.#subscription);
    await Promise.all([...this.#members].map((member) => member.start()));
  }

  /** Leaves every breaker on its own, and client and subscriber to whoever made them. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    if (this.#running) this.#subscription?.stop().catch(() => undefined); // A connection that is gone tells nothing more.
    this.#running = false;
    const members = [...this.#members];
    this.#members.clear();
    await Promise.all(members.map((member) => member.leave()));
  }

  /** At a steady pace, whether the last round was answered or not: each member sends one command at a time. */
  #poll(): void {
    const { clock, pollMs } = this.#options;
    const again = () => {
      this.#exchangeAll();
      this.#poll();
    };
    this.#timer = clock.setTimer(again, pollMs, { keepAlive: false });
  }

  #exchangeAll(): void {
    for (const member of this.#members) void member.exchange();
  }

  async #listen(channel: Subscription): Promise<void> {
    try {
      await channel.start();
      // What was said while nobody listened yet.
      this.#exchangeAll();
    } catch (thrown) {
      const reason = describeThrown(thrown);
      if (this.#running)
        this.#options.logger.warn({ reason }, "circuit: no messages from Redis, news will come by polling alone");
    }
  }
}
