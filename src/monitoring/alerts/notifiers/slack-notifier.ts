import { type FetchLike, revealSecret, type Secret } from "../../../core/index.ts";
import { gravestOf, type NotifiedAlert, type Notifier, titleOf } from "../notify/notification.ts";
import { checkUrl, postJson } from "./post-json.ts";

export interface SlackNotifierOptions {
  /** The address of an incoming webhook: whoever knows it can post, so it is a secret. */
  readonly url: string | Secret;
  /** @defaultValue the global one */
  readonly fetch?: FetchLike | undefined;
}

const colors = { critical: "#d1242f", warning: "#bf8700", info: "#0969da", resolved: "#1a7f37" } as const;
/** Slack cuts longer messages; the rest is counted. */
const MAX_ALERTS = 20;
const MAX_TEXT = 300;

/**
 * Posts to a Slack channel.
 * @throws IntegrationError INVALID_INPUT for a bad address
 * @see https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
export function slackNotifier({ url, fetch = globalThis.fetch }: SlackNotifierOptions): Notifier {
  const address = checkUrl("slack", revealSecret(url));
  return {
    service: "slack",
    mode: "grouped",
    send: (notification, { signal }) => {
      const { alerts, status, at } = notification;
      const lines = alerts.slice(0, MAX_ALERTS).map(lineOf);
      if (alerts.length > MAX_ALERTS) lines.push(`and ${alerts.length - MAX_ALERTS} more`);
      const color = colors[status === "resolved" ? "resolved" : gravestOf(notification)];
      const title = escape(titleOf(notification));
      const attachment = { color, title, fallback: title, text: lines.join("\n"), ts: Math.floor(at / 1_000) };
      const body = JSON.stringify({ text: title, attachments: [attachment] });
      return postJson({ service: "slack", fetch, url: address, body, signal });
    },
  };
}

function lineOf({ status, severity, message, labels }: NotifiedAlert): string {
  const { alertname: _name, severity: _severity, ...others } = labels;
  const described = Object.entries(others).map(([name, value]) => `${name}=${value}`);
  const suffix = described.length > 0 ? ` (${described.join(", ")})` : "";
  return escape(`${status === "firing" ? severity : "resolved"}: ${message}${suffix}`);
}

/** Slack's own markup would turn a label into a link or a call to everybody. */
function escape(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return cut.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
