import { type FetchLike, IntegrationError, revealSecret, type Secret } from "../../../core/index.ts";
import { gravestOf, type Notifier, titleOf } from "../notify/notification.ts";
import { checkUrl, postJson } from "./post-json.ts";

export interface PagerDutyNotifierOptions {
  /** Integration key of an Events API v2 integration: 32 characters. */
  readonly routingKey: string | Secret;
  /** What is affected, e.g. the host's name. @defaultValue "enhanced-integration" */
  readonly source?: string | undefined;
  /** @defaultValue "https://events.pagerduty.com/v2/enqueue" */
  readonly url?: string | undefined;
  /** @defaultValue the global one */
  readonly fetch?: FetchLike | undefined;
}

/** PagerDuty refuses longer ones. */
const MAX_SUMMARY = 1_024;
/** Of 512 kB that an event may have. */
const MAX_ALERTS = 100;

/**
 * Opens an incident for a group of alerts and closes it when all have ended.
 * @throws IntegrationError INVALID_INPUT for a bad key or address
 * @see https://developer.pagerduty.com/docs/send-alert-event
 */
export function pagerDutyNotifier(options: PagerDutyNotifierOptions): Notifier {
  const { fetch = globalThis.fetch, source = "enhanced-integration" } = options;
  const url = checkUrl("pagerduty", options.url ?? "https://events.pagerduty.com/v2/enqueue");
  const routingKey = revealSecret(options.routingKey);
  if (!/^[\x21-\x7e]{32}$/.test(routingKey))
    throw new IntegrationError({
      code: "INVALID_INPUT",
      message: "The pagerduty notifier's routingKey must be the 32 characters of an Events API v2 integration",
    });
  return {
    service: "pagerduty",
    mode: "grouped",
    send: (notification, { signal }) => {
      const { status, groupKey, alerts, groupLabels, at } = notification;
      const details = { groupLabels, alerts: alerts.slice(0, MAX_ALERTS), count: alerts.length };
      const body = JSON.stringify({
        routing_key: routingKey,
        event_action: status === "firing" ? "trigger" : "resolve",
        dedup_key: groupKey,
        client: "enhanced-integration",
        payload: {
          summary: titleOf(notification).slice(0, MAX_SUMMARY),
          source,
          severity: gravestOf(notification),
          timestamp: new Date(at).toISOString(),
          custom_details: details,
        },
      });
      return postJson({ service: "pagerduty", fetch, url, body, signal });
    },
  };
}
