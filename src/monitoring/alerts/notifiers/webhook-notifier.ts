import { createHmac } from "node:crypto";
import {
  type Clock,
  type FetchLike,
  IntegrationError,
  revealSecret,
  type Secret,
  systemClock,
} from "../../../core/index.ts";
import { type Notifier } from "../notify/notification.ts";
import { checkUrl, postJson } from "./post-json.ts";

export interface WebhookNotifierOptions {
  readonly url: string;
  /** Signs each delivery: `whsec_` and 24 to 64 bytes in base64. The first of a list is the current one; all sign. */
  readonly secret: string | Secret | readonly (string | Secret)[];
  /** @defaultValue the global one */
  readonly fetch?: FetchLike | undefined;
  /** @defaultValue the system's */
  readonly clock?: Clock | undefined;
}

/**
 * Posts `{ type: "alert.firing" | "alert.resolved", timestamp, data }`, signed as Standard Webhooks has it.
 * @throws IntegrationError INVALID_INPUT for a bad address or secret
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function webhookNotifier(options: WebhookNotifierOptions): Notifier {
  const { fetch = globalThis.fetch, clock = systemClock } = options;
  const url = checkUrl("webhook", options.url);
  const secrets = [options.secret].flat().map((secret) => keyOf(revealSecret(secret)));
  return {
    service: "webhook",
    part: new URL(url).host,
    mode: "grouped",
    send: (notification, { signal, deliveryId }) => {
      const seconds = Math.floor(clock.wallNow() / 1_000);
      const { status, at, ...data } = notification;
      const timestamp = new Date(at).toISOString();
      const body = JSON.stringify({ type: `alert.${status}`, timestamp, data: { status, ...data } });
      const signed = `${deliveryId}.${seconds}.${body}`;
      const signatures = secrets.map((key) => `v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
      const headers = {
        "webhook-id": deliveryId,
        "webhook-timestamp": String(seconds),
        "webhook-signature": signatures.join(" "),
      };
      return postJson({ service: "webhook", fetch, url, body, headers, signal });
    },
  };
}

function keyOf(secret: string): Buffer {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  if (secret.startsWith("whsec_") && key.length >= 24 && key.length <= 64) return key;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message:
      "The webhook notifier's secret must be whsec_ and 24 to 64 bytes in base64; make one with: openssl rand -base64 32",
  });
}
