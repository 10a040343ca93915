import { randomUUID } from "node:crypto";
import { type Clock, IntegrationError } from "../../../core/index.ts";
import { type Matcher } from "../expression/expression.ts";
import { type LabelSet } from "../expression/sample.ts";
import { matchesAll, parseMatcherList } from "./matcher-list.ts";

export interface SilenceOptions {
  /** `alertname="x", service=~"neon|ollama"`: alerts with all of it are silenced; at least one, not all may be empty. */
  readonly matchers: string;
  /** From now on, ms; 1 s to 1 year. */
  readonly durationMs: number;
  /** Who silences. */
  readonly author: string;
  /** Why. */
  readonly comment: string;
}

export interface Silence {
  readonly id: string;
  readonly matchers: string;
  readonly author: string;
  readonly comment: string;
  /** Ms since the epoch. */
  readonly startsAt: number;
  /** Ms since the epoch. */
  readonly until: number;
}

const YEAR_MS = 31_536_000_000;
/** Silences are made by people; more than this is a programme gone wrong. */
const MAX_SILENCES = 1_000;

/** Which alerts nobody wants to hear of for a while. They go on being evaluated and shown. */
export class Silences {
  readonly #clock: Clock;
  readonly #held = new Map<
    string,
    { readonly silence: Silence; readonly endsAt: number; readonly list: readonly Matcher[] }
  >();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws IntegrationError INVALID_INPUT naming every wrong option */
  add({ matchers, durationMs, author, comment }: SilenceOptions): Silence {
    const list = parseMatcherList(matchers);
    const problems: string[] = [];
    if (list.every(({ matches }) => matches(""))) problems.push("matchers must not take every alert");
    if (!(durationMs >= 1_000 && durationMs <= YEAR_MS))
      problems.push(`durationMs must be a number from 1000 to ${YEAR_MS}, got ${durationMs}`);
    if (typeof author !== "string" || author.trim() === "") problems.push("author must say who silences");
    if (typeof comment !== "string" || comment.trim() === "") problems.push("comment must say why");
    if (this.list().length >= MAX_SILENCES) problems.push(`there are ${MAX_SILENCES} silences already; end some`);
    if (problems.length > 0)
      throw new IntegrationError({ code: "INVALID_INPUT", message: `Silence: ${problems.join("; ")}` });
    const startsAt = this.#clock.wallNow();
    const silence: Silence = { id: randomUUID(), matchers, author, comment, startsAt, until: startsAt + durationMs };
    this.#held.set(silence.id, { silence, endsAt: this.#clock.now() + durationMs, list });
    return silence;
  }

  /** @returns false when there is no such silence any more */
  end(id: string): boolean {
    return this.#held.delete(id);
  }

  /** Those in force. */
  list(): Silence[] {
    const now = this.#clock.now();
    for (const [id, { endsAt }] of this.#held) if (endsAt <= now) this.#held.delete(id);
    return [...this.#held.values()].map(({ silence }) => silence);
  }

  /** The silence that mutes an alert with these labels. */
  of(labels: LabelSet): Silence | undefined {
    const now = this.#clock.now();
    for (const { silence, endsAt, list } of this.#held.values())
      if (endsAt > now && matchesAll(list, labels)) return silence;
    return undefined;
  }
}
