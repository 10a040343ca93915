import { type Clock } from "../../../core/index.ts";
import { type Matcher } from "../expression/expression.ts";
import { matchesAll } from "./matcher-list.ts";
import { type RouteStep } from "./alert-route.ts";
import { type AlertNotification, type NotifiedAlert } from "./notification.ts";

/** A firing alert is sent again after this long, ms, so that a receiver that restarted knows it. */
const RESEND_MS = 60_000;
/** A firing alert that is not sent again ends by itself, ms: four times, as Prometheus does it. */
const EXPIRY_MS = 4 * RESEND_MS;
/** For so long the end of an alert is sent again, ms. */
const RESOLVED_RETENTION_MS = 900_000;
/** Alerts in one request. */
const BATCH = 64;

interface Sent {
  alert: NotifiedAlert;
  /** Monotonic ms; `undefined` until the receiver took it. */
  sentAt: number | undefined;
  endedAt: number | undefined;
}

/** Sends firing alerts one and all, again and again, to a receiver that groups and silences by itself. */
export class AlertStream {
  readonly #matchers: readonly Matcher[];
  readonly #clock: Clock;
  readonly #known = new Map<string, Sent>();
  #isSending = false;

  constructor(matchers: readonly Matcher[], clock: Clock) {
    this.#matchers = matchers;
    this.#clock = clock;
  }

  step({ firing }: Pick<RouteStep, "firing">, deliver: (notification: AlertNotification) => Promise<boolean>): void {
    const now = this.#clock.now();
    const matching = new Map(
      firing.filter(({ labels }) => matchesAll(this.#matchers, labels)).map((alert) => [alert.fingerprint, alert]),
    );
    for (const [fingerprint, alert] of matching) {
      const before = this.#known.get(fingerprint);
      // One that fires again is news, however short ago its end was told.
      const sentAt = before?.endedAt === undefined ? before?.sentAt : undefined;
      this.#known.set(fingerprint, { alert, sentAt, endedAt: undefined });
    }
    for (const [fingerprint, sent] of this.#known) {
      if (matching.has(fingerprint)) continue;
      if (sent.endedAt === undefined) {
        sent.alert = { ...sent.alert, status: "resolved", endsAt: this.#clock.wallNow() };
        sent.endedAt = now;
        sent.sentAt = undefined;
      } else if (now - sent.endedAt > RESOLVED_RETENTION_MS) this.#known.delete(fingerprint);
    }
    const due = [...this.#known.values()].filter(({ sentAt }) => sentAt === undefined || now - sentAt >= RESEND_MS);
    if (due.length > 0 && !this.#isSending) void this.#send(due, now, deliver);
  }

  async #send(
    due: readonly Sent[],
    now: number,
    deliver: (notification: AlertNotification) => Promise<boolean>,
  ): Promise<void> {
    this.#isSending = true;
    const at = this.#clock.wallNow();
    for (let i = 0; i < due.length; i += BATCH) {
      const batch = due.slice(i, i + BATCH);
      const alerts = batch.map(({ alert }) => ({ ...alert, endsAt: alert.endsAt ?? at + EXPIRY_MS }));
      const status = alerts.some((alert) => alert.status === "firing") ? "firing" : "resolved";
      const sent = batch.map(({ alert }) => alert);
      const taken = await deliver({ status, groupKey: "stream", groupLabels: {}, alerts, at });
      // One that changed meanwhile is still due.
      if (taken) batch.forEach((entry, j) => entry.alert.status === sent[j]?.status && (entry.sentAt = now));
    }
    this.#isSending = false;
  }
}
