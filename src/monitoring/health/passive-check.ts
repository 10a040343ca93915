import { type Clock, describeThrown, type EventBus } from "../../core/index.ts";
import { isServiceFailure } from "../observe-events.ts";
import { type CheckFinding } from "./health-check.ts";

export interface PassiveCheckOptions {
  /** Whether the host can serve without it. @defaultValue true */
  readonly critical?: boolean | undefined;
  /** Failures in a row that mean down; fewer mean degraded. 1 to 1000. @defaultValue 3 */
  readonly failuresUntilDown?: number | undefined;
  /** How long a failure counts without newer traffic, ms; 1 s to 1 day. @defaultValue 60000 */
  readonly staleMs?: number | undefined;
}

/**
 * Health as real traffic sees it: costs the service nothing, so that a database which may sleep is not kept awake. A
 * failure that nothing followed goes stale, because an instance without traffic would otherwise stay unready for ever.
 */
export class PassiveCheck {
  readonly #clock: Clock;
  readonly #failuresUntilDown: number;
  readonly #staleMs: number;
  #last: { readonly at: number; readonly message?: string; readonly reason?: string } | undefined;
  #failures = 0;

  constructor(options: { readonly clock: Clock; readonly failuresUntilDown: number; readonly staleMs: number }) {
    this.#clock = options.clock;
    this.#failuresUntilDown = options.failuresUntilDown;
    this.#staleMs = options.staleMs;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#last = { at: this.#clock.now() };
  }

  /** @param error what was thrown, or a sentence @param reason for machines, e.g. an error code */
  failed(error: unknown, reason?: string): void {
    this.#failures += 1;
    const message = describeThrown(error);
    this.#last = { at: this.#clock.now(), message, ...(reason !== undefined && { reason }) };
  }

  finding(): CheckFinding {
    const last = this.#last;
    if (!last) return { status: "up", reason: "no traffic yet" };
    if (this.#failures === 0) return { status: "up" };
    if (this.#clock.now() - last.at >= this.#staleMs)
      return { status: "up", reason: "no recent traffic", message: `the last call failed: ${last.message}` };
    const status = this.#failures >= this.#failuresUntilDown ? "down" : "degraded";
    return { status, message: last.message, reason: last.reason };
  }
}

/** Feeds a passive check from the calls to one service. The caller's own faults are no failures. @returns unsubscribe */
export function feedFromCalls(events: EventBus, service: string, check: PassiveCheck): () => void {
  return events.on("call.finished", (event) => {
    if (event.service !== service) return;
    if (!isServiceFailure(event)) return check.succeeded();
    check.failed(`${service}.${event.operation} failed after ${event.attempts} attempt(s): ${event.code}`, event.code);
  });
}
