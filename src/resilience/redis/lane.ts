import { IntegrationError } from "../../core/index.ts";
import { type Decision, gcraRate, type GcraRate } from "../gcra.ts";
import { type ResolvedLimit, type ResolvedPolicy } from "../limit-store.ts";
import { weakestDecision } from "../weakest-policy.ts";

export interface Question {
  readonly key: string;
  readonly cost: number;
  /** Tokens that are welcome; as many as fit are granted, from `cost` to `wanted`. */
  readonly wanted: number;
}

/** A question to Redis and what to do with the answer. The question is read when it is sent. */
export interface Ask extends Question {
  answer(reply: Reply): void;
  fail(): void;
}

export interface Reply {
  /** Tokens charged; -1 if not even `cost` of them were to be had. */
  readonly granted: number;
  /** What is missing in the bucket of each policy after that, in ticks. */
  readonly used: readonly number[];
}

/** One limit as Redis is asked about it. Immutable but for the questions that gather until the end of the tick. */
export class Lane {
  readonly limit: ResolvedLimit;
  readonly rates: readonly GcraRate[];
  asks: Ask[] = [];
  readonly #keyPrefix: string;
  readonly #header: readonly string[];

  constructor(limit: ResolvedLimit, prefix: string) {
    this.limit = limit;
    this.rates = limit.policies.map(rateInMicroseconds);
    // Encoded, so that no name and key together look like another pair.
    this.#keyPrefix = `${prefix}${encodeURIComponent(limit.name)}:`;
    const numbers = this.rates.flatMap((rate) => [rate.ticksPerMs / 1_000, rate.ticksPerToken, rate.capacityTicks]);
    this.#header = [this.rates.length, ...numbers].map(String);
  }

  /** The script's keys and arguments for these questions. */
  command(asks: readonly Question[]): [keys: string[], args: string[]] {
    const keys = asks.map(({ key }) => this.#keyPrefix + key);
    return [keys, [...this.#header, ...asks.flatMap((ask) => [String(ask.cost), String(ask.wanted)])]];
  }

  /** @throws IntegrationError `INVALID_OUTPUT` for what the script cannot have answered */
  parse(reply: unknown, count: number): Reply[] {
    const width = 1 + this.rates.length;
    const numbers = Array.isArray(reply) ? reply.map(Number) : [];
    if (numbers.length !== count * width || !numbers.every(Number.isSafeInteger))
      throw new IntegrationError({ code: "INVALID_OUTPUT", message: "Redis answered a limit with something else" });
    return Array.from({ length: count }, (_, index) => {
      const [granted = -1, ...used] = numbers.slice(index * width, (index + 1) * width);
      return { granted, used };
    });
  }

  decision(used: readonly number[], cost: number, allowed: boolean): Decision {
    return weakestDecision(this.limit, this.rates, used, cost, allowed);
  }

  fits(used: readonly number[], cost: number): boolean {
    return this.rates.every((rate, p) => (used[p] ?? 0) + cost * rate.ticksPerToken <= rate.capacityTicks);
  }

  /** What is missing `elapsedMs` later, if nobody takes more and `returned` tokens were not spent. */
  refilled(used: readonly number[], elapsedMs: number, returned = 0): number[] {
    return this.rates.map(({ ticksPerMs, ticksPerToken }, p) =>
      Math.max(0, (used[p] ?? 0) - Math.floor(elapsedMs * ticksPerMs) - returned * ticksPerToken),
    );
  }
}

/**
 * The server counts microseconds. Where whole ticks for a microsecond and a token would pass 2^53, a token takes whole
 * microseconds instead, rounded up: too little by less than a millionth, never too much.
 */
function rateInMicroseconds({ requests, windowMs, burst }: ResolvedPolicy): GcraRate {
  const exact = gcraRate(requests, windowMs * 1_000, burst);
  const perUs = Number.isSafeInteger(exact.capacityTicks)
    ? exact
    : gcraRate(1, Math.ceil((windowMs * 1_000) / requests), burst);
  return { ...perUs, ticksPerMs: perUs.ticksPerMs * 1_000 };
}
