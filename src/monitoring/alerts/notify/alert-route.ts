import { type Clock } from "../../../core/index.ts";
import { type Matcher } from "../expression/expression.ts";
import { labelKey, type LabelSet, pickLabels } from "../expression/sample.ts";
import { matchesAll } from "./matcher-list.ts";
import { afterFlush, dueAlerts, type GroupState, type GroupTiming, joinGroup, newGroup } from "./notification-group.ts";
import { type AlertNotification, type NotifiedAlert, shortHash } from "./notification.ts";

export interface RouteOptions extends GroupTiming {
  readonly matchers: readonly Matcher[];
  readonly groupBy: readonly string[];
}

/** Alerts beyond this many groups share one: a label without bound must not fill the memory or the receiver. */
const MAX_GROUPS = 500;
/** First wait after a failed delivery, ms; it doubles up to the group's interval. */
const RETRY_MS = 5_000;

interface Group {
  readonly key: string;
  readonly labels: LabelSet;
  state: GroupState;
  isSending: boolean;
  failures: number;
}

export interface RouteStep {
  readonly firing: readonly NotifiedAlert[];
  readonly isMuted: (alert: NotifiedAlert) => boolean;
}

/** Groups the alerts of one receiver, and hands over what is due. */
export class AlertRoute {
  readonly #options: RouteOptions;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();

  constructor(options: RouteOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * Takes what fires now.
   * @param deliver resolves with whether the receiver took it; each group waits for its own
   */
  step({ firing, isMuted }: RouteStep, deliver: (notification: AlertNotification) => Promise<boolean>): void {
    const now = this.#clock.now();
    const byGroup = this.#grouped(firing.filter(({ labels }) => matchesAll(this.#options.matchers, labels)));
    for (const [key, { labels }] of byGroup)
      if (!this.#groups.has(key))
        this.#groups.set(key, { key, labels, state: newGroup(now, this.#options), isSending: false, failures: 0 });
    for (const group of this.#groups.values()) {
      group.state = joinGroup(group.state, byGroup.get(group.key)?.alerts ?? [], this.#clock.wallNow());
      if (group.isSending || now < group.state.nextAt) continue;
      const due = dueAlerts(group.state, now, this.#options, isMuted);
      if (due.length > 0) void this.#send(group, due, deliver);
      else this.#flushed(group, due);
    }
  }

  async #send(
    group: Group,
    alerts: readonly NotifiedAlert[],
    deliver: (notification: AlertNotification) => Promise<boolean>,
  ): Promise<void> {
    group.isSending = true;
    const status = alerts.some((alert) => alert.status === "firing") ? "firing" : "resolved";
    const groupKey = shortHash(group.key);
    const taken = await deliver({ status, groupKey, groupLabels: group.labels, alerts, at: this.#clock.wallNow() });
    group.isSending = false;
    if (taken) {
      group.failures = 0;
      return this.#flushed(group, alerts);
    }
    const waitMs = Math.min(RETRY_MS * 2 ** Math.min(group.failures, 20), this.#options.groupIntervalMs);
    group.failures += 1;
    group.state = { ...group.state, nextAt: this.#clock.now() + waitMs };
  }

  #flushed(group: Group, told: readonly NotifiedAlert[]): void {
    group.state = afterFlush(group.state, this.#clock.now(), this.#options, told);
    if (group.state.alerts.size === 0) this.#groups.delete(group.key);
  }

  #grouped(alerts: readonly NotifiedAlert[]): Map<string, { labels: LabelSet; alerts: NotifiedAlert[] }> {
    const byGroup = new Map<string, { labels: LabelSet; alerts: NotifiedAlert[] }>();
    for (const alert of alerts) {
      const labels = pickLabels(alert.labels, this.#options.groupBy);
      const own = labelKey(labels);
      const isFull = !this.#groups.has(own) && this.#groups.size + byGroup.size >= MAX_GROUPS;
      const key = isFull ? "overflow" : own;
      const group = byGroup.get(key) ?? { labels: isFull ? {} : labels, alerts: [] };
      byGroup.set(key, group);
      group.alerts.push(alert);
    }
    return byGroup;
  }
}
