import { type Clock, type ErrorCode, type EventBus } from "../core/index.ts";
import { type CallRecord, type CallStep } from "../resilience/index.ts";

const FAILED = 20;
const SLOW_PER_SERVICE = 3;
const MAX_SERVICES = 50;
/** As far back as the rest of the status goes. */
const WINDOW_MS = 900_000;

/**
 * Codes whose messages are ours, about time and turns. What a service or the database said may hold SQL, a parameter or
 * a user's data, and is told by `explain` inside the process alone.
 */
const tellable: ReadonlySet<ErrorCode> = new Set([
  "RATE_LIMITED",
  "QUEUE_FULL",
  "CIRCUIT_OPEN",
  "ATTEMPT_TIMEOUT",
  "READ_ONLY",
  "FEATURE_DISABLED",
  "CLOSED",
] satisfies ErrorCode[]);

interface Noted {
  readonly callId: string;
  readonly durationMs: number;
  /** On the monotonic clock. */
  readonly endedAt: number;
  /** Of a call that was turned away before its first attempt: by whom it may be replaced. */
  readonly refusal?: string | undefined;
  record?: CallRecord | undefined;
}

/** Keeps the timelines of the last failed calls and of each service's slowest, for longer than the call log does. */
export class NotableCalls {
  readonly #clock: Clock;
  readonly #events: EventBus;
  readonly #explain: (callId: string) => CallRecord | undefined;
  #failed: Noted[] = [];
  readonly #slow = new Map<string, Noted[]>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly events: EventBus;
    readonly explain: (callId: string) => CallRecord | undefined;
  }) {
    this.#clock = options.clock;
    this.#events = options.events;
    this.#explain = options.explain;
  }

  /** Begins to listen. Idempotent. */
  start(): void {
    this.#unsubscribe ??= this.#events.on("call.finished", (call) => {
      const { callId, service, outcome, durationMs } = call;
      if (outcome === "error") {
        // An outage ends in thousands of refusals: the last of a kind stands for them, and what led there stays.
        const refusal = call.attempts === 0 ? `${service} ${call.code}` : undefined;
        const before = refusal === undefined ? -1 : this.#failed.findIndex((noted) => noted.refusal === refusal);
        if (before >= 0) this.#failed.splice(before, 1);
        else if (this.#failed.length >= FAILED) this.#failed.shift();
        this.#failed.push({ callId, durationMs, endedAt: this.#clock.now(), refusal });
        return;
      }
      let slow = this.#slow.get(service);
      if (!slow) {
        if (this.#slow.size >= MAX_SERVICES) return;
        this.#slow.set(service, (slow = []));
      }
      if (slow.length >= SLOW_PER_SERVICE && durationMs <= slow.at(-1)!.durationMs) return;
      slow.push({ callId, durationMs, endedAt: this.#clock.now() });
      slow.sort((a, b) => b.durationMs - a.durationMs).splice(SLOW_PER_SERVICE);
    });
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  /** Looks the timelines up while the call log has them, and forgets what is too old. Wanted every few seconds. */
  settle(): void {
    const oldest = this.#clock.now() - WINDOW_MS;
    const current = (noted: Noted[]) => noted.filter(({ endedAt }) => endedAt >= oldest);
    this.#failed = current(this.#failed);
    for (const [service, noted] of this.#slow) this.#slow.set(service, current(noted));
    for (const noted of [...this.#failed, ...[...this.#slow.values()].flat()])
      noted.record ??= withoutForeignWords(this.#explain(noted.callId));
  }

  /** Newest first. */
  get failed(): CallRecord[] {
    return recordsOf(this.#failed).reverse();
  }

  /** Slowest first. */
  get slow(): CallRecord[] {
    return recordsOf([...this.#slow.values()].flat()).sort((a, b) => b.durationMs - a.durationMs);
  }
}

function recordsOf(noted: readonly Noted[]): CallRecord[] {
  return noted.flatMap(({ record }) => (record ? [record] : []));
}

function withoutForeignWords(record: CallRecord | undefined): CallRecord | undefined {
  return record && { ...record, steps: record.steps.map(tellableStep) };
}

function tellableStep(step: CallStep): CallStep {
  if (!("message" in step) || (step.code !== undefined && tellable.has(step.code))) return step;
  if (step.step === "refusal") return { ...step, message: "" };
  const { message: _, ...rest } = step;
  return rest;
}
