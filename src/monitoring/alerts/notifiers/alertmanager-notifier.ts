import { type FetchLike, revealSecret, type Secret } from "../../../core/index.ts";
import { type Notifier } from "../notify/notification.ts";
import { checkUrl, postJson } from "./post-json.ts";

export interface AlertmanagerNotifierOptions {
  /** Where Alertmanager is, e.g. `http://alertmanager:9093`, its path prefix included. */
  readonly url: string;
  /** Bearer token, where a proxy asks for one. @defaultValue none */
  readonly token?: string | Secret | undefined;
  /** Labels of all alerts, as Prometheus' `external_labels`, e.g. `{ cluster: "eu" }`. @defaultValue none */
  readonly externalLabels?: Readonly<Record<string, string>> | undefined;
  /** @defaultValue the global one */
  readonly fetch?: FetchLike | undefined;
}

/**
 * Sends alerts to an Alertmanager, which groups, silences and tells on its own: again each minute while they fire, and
 * their end for a quarter of an hour.
 * @throws IntegrationError INVALID_INPUT for a bad address
 * @see https://prometheus.io/docs/alerting/latest/alerts_api/
 */
export function alertmanagerNotifier(options: AlertmanagerNotifierOptions): Notifier {
  const { fetch = globalThis.fetch, externalLabels = {} } = options;
  const url = `${checkUrl("alertmanager", options.url).replace(/\/+$/, "")}/api/v2/alerts`;
  const headers = options.token === undefined ? {} : { authorization: `Bearer ${revealSecret(options.token)}` };
  return {
    service: "alertmanager",
    part: new URL(url).host,
    mode: "stream",
    send: ({ alerts, at }, { signal }) => {
      const body = alerts.map(({ labels, annotations, message, startsAt, endsAt }) => ({
        labels: { ...externalLabels, ...labels },
        annotations: { summary: message, ...annotations },
        startsAt: new Date(startsAt).toISOString(),
        endsAt: new Date(endsAt ?? at).toISOString(),
      }));
      return postJson({ service: "alertmanager", fetch, url, body: JSON.stringify(body), headers, signal });
    },
  };
}
