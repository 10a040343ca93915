import { randomUUID } from "node:crypto";
import { type CallRunner, type Clock, directRunner, IntegrationError, checkNumbers } from "../../../core/index.ts";
import { type Counter } from "../../metrics/scalar.ts";
import { type ActiveAlert } from "../alert-engine.ts";
import { AlertRoute } from "./alert-route.ts";
import { AlertStream } from "./alert-stream.ts";
import { type Inhibition, inhibitionOf, type InhibitionOptions } from "./inhibition.ts";
import { parseMatcherList } from "./matcher-list.ts";
import { notifiedFrom, type AlertNotification, type Notifier, routingLabels } from "./notification.ts";
import { Silences } from "./silences.ts";

export interface NotifierOptions {
  /** Only alerts with these labels, e.g. `severity="critical"`. @defaultValue all */
  readonly matchers?: string | undefined;
  /** Labels whose alerts are told together. @defaultValue ["alertname"] */
  readonly groupBy?: readonly string[] | undefined;
  /** From the first alert of a group to its first notification, ms; 0 to 1 hour. @defaultValue 10000 */
  readonly groupWaitMs?: number | undefined;
  /** Between two notifications of a group that changed, ms; 1 s to 1 day. @defaultValue 300000 */
  readonly groupIntervalMs?: number | undefined;
  /** Until a group that still fires is told again, ms; 1 min to 30 days. @defaultValue 14400000 (4 h) */
  readonly repeatIntervalMs?: number | undefined;
  /** Time for one delivery with its retries, ms; 100 to 300000. @defaultValue 15000 */
  readonly deadlineMs?: number | undefined;
  /** What runs deliveries: retries, breaker. @defaultValue the integration's; alone it is one attempt, tried again by the group */
  readonly runner?: CallRunner | undefined;
}

const defaults = { groupWaitMs: 10_000, groupIntervalMs: 300_000, repeatIntervalMs: 14_400_000, deadlineMs: 15_000 };
const ranges = {
  groupWaitMs: { min: 0, max: 3_600_000 },
  groupIntervalMs: { min: 1_000, max: 86_400_000 },
  repeatIntervalMs: { min: 60_000, max: 2_592_000_000 },
  deadlineMs: { min: 100, max: 300_000 },
};

type Deliver = (notification: AlertNotification) => Promise<boolean>;

/** From alerts to people: routes, groups, silences, inhibition, and the deliveries under way. Stepped by each check. */
export class NotificationCenter {
  /** Alerts that nobody is told of for a while. */
  readonly silences: Silences;
  readonly #clock: Clock;
  readonly #deliveries: Counter;
  readonly #runner: (() => CallRunner) | undefined;
  readonly #routes = new Map<Notifier, { readonly route: AlertRoute | AlertStream; readonly deliver: Deliver }>();
  readonly #inhibitions: Inhibition[] = [];
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: {
    readonly clock: Clock;
    readonly deliveries: Counter;
    readonly runner?: (() => CallRunner) | undefined;
  }) {
    this.#clock = options.clock;
    this.#deliveries = options.deliveries;
    this.#runner = options.runner;
    this.silences = new Silences(options.clock);
  }

  /**
   * Has alerts told to somebody: grouped, each once, again while they last, and their end. Deliveries run beside the
   * checks and delay none; what fails is tried again.
   * @example monitoring.notifications.add(slackNotifier({ url }), { matchers: 'severity="critical"', groupBy: ["service"] });
   * @returns a function that takes the notifier out
   * @throws IntegrationError INVALID_INPUT naming every option out of range
   */
  add(notifier: Notifier, options: NotifierOptions = {}): () => void {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const resolved = { ...defaults, ...given };
    checkNumbers(`Notifier ${notifier.service}`, resolved, ranges);
    const groupBy = options.groupBy ?? ["alertname"];
    const matchers = options.matchers === undefined ? [] : parseMatcherList(options.matchers);
    const runner = options.runner ?? this.#runner?.() ?? directRunner({ clock: this.#clock });
    const route =
      notifier.mode === "stream"
        ? new AlertStream(matchers, this.#clock)
        : new AlertRoute({ ...resolved, matchers, groupBy }, this.#clock);
    const deliver = (notification: AlertNotification) =>
      this.#deliver(notifier, notification, runner, resolved.deadlineMs);
    this.#routes.set(notifier, { route, deliver });
    return () => void this.#routes.delete(notifier);
  }

  /** While a source fires, its targets are not told. @throws IntegrationError INVALID_INPUT for bad matchers */
  inhibit(options: InhibitionOptions): void {
    this.#inhibitions.push(inhibitionOf(options));
  }

  /** Takes what is active now, and starts the deliveries that are due. */
  step(active: readonly ActiveAlert[]): void {
    if (this.#routes.size === 0) return;
    const firing = active
      .filter(({ state }) => state === "firing")
      .map((alert) => notifiedFrom(alert, routingLabels(alert)));
    const labelSets = firing.map(({ labels }) => labels);
    const isMuted = ({ labels }: { readonly labels: Readonly<Record<string, string>> }): boolean =>
      this.silences.of(labels) !== undefined || this.#inhibitions.some((inhibits) => inhibits(labels, labelSets));
    for (const { route, deliver } of this.#routes.values()) route.step({ firing, isMuted }, deliver);
  }

  /** Resolves when no delivery is under way. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #deliver(
    notifier: Notifier,
    notification: AlertNotification,
    runner: CallRunner,
    deadlineMs: number,
  ): Promise<boolean> {
    const { service, part } = notifier;
    const deliveryId = `msg_${randomUUID()}`;
    const count = (outcome: string, code = ""): void => this.#deliveries.inc(1, { notifier: service, outcome, code });
    // Receivers know a delivery by its id or its group's key: telling twice is telling once.
    const safe = { idempotent: true, idempotencyKey: deliveryId };
    const spec = { service, ...(part !== undefined && { part }), operation: "notify", ...safe, deadlineMs };
    const delivery = runner
      .run(spec, ({ signal }) => notifier.send(notification, { signal, deliveryId }))
      .then(
        () => (count("ok"), true),
        (error: unknown) => (count("error", IntegrationError.isInstance(error) ? error.code : ""), false),
      );
    this.#underWay.add(delivery);
    return delivery.finally(() => this.#underWay.delete(delivery));
  }
}
