import { randomUUID } from "node:crypto";
import { describeThrown } from "../../core/index.ts";
import { type CircuitBreaker } from "../circuit-breaker.ts";
import { type BreakerLink } from "./breaker-link.ts";
import { type CircuitReply, parseReply } from "./circuit-script.ts";
import { type ResolvedFleetOptions } from "./fleet-options.ts";

/**
 * One breaker's place in the fleet: tells what its process saw, takes over what others saw, holds the lease of probing.
 * One command at a time. While Redis is away the breaker is on its own, and probes as it likes.
 */
export class FleetMember implements BreakerLink {
  readonly #breaker: CircuitBreaker;
  readonly #options: ResolvedFleetOptions;
  readonly #unlink: () => void;
  readonly #id = randomUUID();
  /** Of what we last knew; the fence of our own changes. */
  #version = 0;
  /** The breaker has changed and the fleet does not know. */
  #untold: "no" | "by calls" | "by hand" = "no";
  #wantsLease = false;
  /** On our own clock, counted from before the request: we stop before the server thinks so. */
  #leaseEndsAt = -Infinity;
  #active = false;
  #connected = false;
  #exchanging: Promise<void> | undefined = undefined;
  #unanswered = false;

  constructor(breaker: CircuitBreaker, options: ResolvedFleetOptions) {
    this.#breaker = breaker;
    this.#options = options;
    this.#unlink = breaker.link(this);
  }

  /** Of its circuit. */
  get name(): string {
    return this.#breaker.name;
  }

  /** The last command was answered. */
  get connected(): boolean {
    return this.#connected;
  }

  mayProbe(now: number): boolean {
    if (!this.#connected || now < this.#leaseEndsAt) return true;
    this.#wantsLease = true;
    void this.exchange();
    return false;
  }

  changed(byHand: boolean): void {
    this.#leaseEndsAt = -Infinity;
    this.#wantsLease = false;
    if (byHand || this.#untold === "no") this.#untold = byHand ? "by hand" : "by calls";
    void this.exchange();
  }

  start(): Promise<void> {
    this.#active = true;
    return this.exchange();
  }

  /** Tells and learns. Never rejects. @returns when everything that was to be told is told, or Redis is away */
  exchange(): Promise<void> {
    if (!this.#active) return Promise.resolve();
    this.#exchanging ??= this.#exchangeAll().finally(() => (this.#exchanging = undefined));
    return this.#exchanging;
  }

  /** The breaker goes on alone. */
  async leave(): Promise<void> {
    this.#unlink();
    this.#active = false;
    await this.#exchanging;
  }

  async #exchangeAll(): Promise<void> {
    do await this.#exchangeOnce();
    while (this.#active && this.#connected && (this.#untold !== "no" || this.#wantsLease));
  }

  async #exchangeOnce(): Promise<void> {
    const { clock, leaseMs, logger } = this.#options;
    const sentAt = clock.now();
    const shared = this.#breaker.share();
    const renews = shared.probing && this.#leaseEndsAt - sentAt < leaseMs / 2;
    const told = this.#untold;
    const wish = told !== "no" ? shared.state : this.#wantsLease || renews ? "half-open" : "look";
    const forMs = wish === "half-open" ? leaseMs : shared.remainingMs;
    this.#untold = "no";
    this.#wantsLease = false;
    let reply: CircuitReply;
    try {
      reply = await this.#send([wish, this.#version, Math.ceil(forMs), shared.opens, told === "by hand" ? 1 : 0]);
    } catch (thrown) {
      if (this.#untold === "no" || told === "by hand") this.#untold = told;
      if (this.#connected)
        logger.warn({ circuit: this.name, reason: describeThrown(thrown) }, "circuit: Redis is away, going on alone");
      this.#connected = false;
      return;
    }
    if (!this.#active) return;
    if (!this.#connected) logger.info({ circuit: this.name }, "circuit: shared through Redis");
    this.#connected = true;
    // What we saw meanwhile is told first, and its version decides whether it still counts.
    if (this.#untold !== "no" && !reply.granted) return;
    const news = reply.version !== 0 && reply.version !== this.#version;
    this.#version = reply.version || this.#version;
    const leased = reply.state === "half-open" && reply.own && this.#untold === "no";
    this.#leaseEndsAt = leased ? sentAt + reply.remainingMs : -Infinity;
    if (!reply.granted && !leased && (news || wish === "half-open")) this.#breaker.adopt(reply);
  }

  /** @throws what the client throws, or that the answer is late, or no answer of ours */
  async #send(wish: readonly (string | number)[]): Promise<CircuitReply> {
    if (this.#unanswered) throw new Error("the command before is still unanswered");
    const { run, clock, prefix, channel, commandTimeoutMs } = this.#options;
    const { name } = this;
    this.#unanswered = true;
    const answer = run([prefix + name], [...wish.map(String), this.#id, channel, name]).finally(
      () => (this.#unanswered = false),
    );
    const reply = await new Promise<unknown>((resolve, reject) => {
      const late = () => reject(new Error(`no answer within ${commandTimeoutMs} ms`));
      const timer = clock.setTimer(late, commandTimeoutMs, { keepAlive: false });
      answer.then(resolve, reject).finally(() => timer.cancel());
    });
    const parsed = parseReply(reply);
    if (!parsed) throw new Error("the answer is not one of our script");
    return parsed;
  }
}
