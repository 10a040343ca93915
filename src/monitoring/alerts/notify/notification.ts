import { createHash } from "node:crypto";
import { type ActiveAlert } from "../alert-engine.ts";
import { type AlertSeverity } from "../alert-rule.ts";
import { labelKey, type LabelSet } from "../expression/sample.ts";

/** One alert as receivers are told of it. */
export interface NotifiedAlert {
  readonly status: "firing" | "resolved";
  readonly name: string;
  readonly severity: AlertSeverity;
  readonly message: string;
  readonly value: number;
  /** With `alertname` and `severity`. */
  readonly labels: LabelSet;
  readonly annotations: Readonly<Record<string, string>>;
  /** The same for the same labels, in every process. */
  readonly fingerprint: string;
  /** Ms since the epoch. */
  readonly startsAt: number;
  /** Ms since the epoch; absent while it fires. */
  readonly endsAt?: number;
}

/** Alerts that are told together. */
export interface AlertNotification {
  /** `firing` while one of the alerts does. */
  readonly status: "firing" | "resolved";
  /** The same for the same group: receivers join what belongs together by it. */
  readonly groupKey: string;
  readonly groupLabels: LabelSet;
  readonly alerts: readonly NotifiedAlert[];
  /** Ms since the epoch. */
  readonly at: number;
}

/** What a notifier is given for one delivery. */
export interface DeliveryContext {
  /** Fires when the delivery's time is over. */
  readonly signal: AbortSignal;
  /** The same at each attempt of one delivery. */
  readonly deliveryId: string;
}

/** Tells somebody. */
export interface Notifier {
  /** Name of the receiver, for metrics and errors, e.g. `slack`. */
  readonly service: string;
  /** Which receiver, where there may be several that are not down together: its host. @defaultValue none */
  readonly part?: string;
  /**
   * `grouped`: gets notifications of groups. `stream`: gets firing alerts again and again and groups by itself, as
   * Alertmanager does.
   */
  readonly mode: "grouped" | "stream";
  /** @throws IntegrationError with a verdict that says whether to try again */
  send(notification: AlertNotification, context: DeliveryContext): Promise<void>;
}

/** The labels that an alert is routed, silenced and told apart by: its own, its name and its severity. */
export function routingLabels({ name, severity, labels }: ActiveAlert): LabelSet {
  return { ...labels, alertname: name, severity };
}

export function notifiedFrom(alert: ActiveAlert, labels: LabelSet): NotifiedAlert {
  const { name, severity, message, value, annotations, startedAt } = alert;
  const fingerprint = shortHash(labelKey(labels));
  return { status: "firing", name, severity, message, value, labels, annotations, fingerprint, startsAt: startedAt };
}

/** `[FIRING:2] pool_exhausted: text of the first`. */
export function titleOf({ status, alerts }: AlertNotification): string {
  const firing = alerts.filter((alert) => alert.status === "firing");
  const first = firing[0] ?? alerts[0];
  const count = status === "firing" ? `FIRING:${firing.length}` : "RESOLVED";
  return `[${count}] ${first?.name ?? "alert"}: ${first?.message ?? ""}`;
}

/** The gravest severity of what fires, or of what fired. */
export function gravestOf({ status, alerts }: AlertNotification): AlertSeverity {
  const severities = alerts.filter((alert) => alert.status === status).map(({ severity }) => severity);
  return severities.includes("critical") ? "critical" : severities.includes("warning") ? "warning" : "info";
}

export const shortHash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
