import { type Logger } from "../../../core/index.ts";
import { gravestOf, type Notifier, titleOf } from "../notify/notification.ts";

/** Writes each notification as one line: critical as error, warning as warn, the rest and every end as info. */
export function logNotifier(logger: Logger): Notifier {
  return {
    service: "log",
    mode: "grouped",
    send: async (notification) => {
      const severity = notification.status === "resolved" ? "info" : gravestOf(notification);
      const level = ({ critical: "error", warning: "warn", info: "info" } as const)[severity];
      const alerts = notification.alerts.map(({ status, name, message, value, labels }) => ({
        status,
        name,
        message,
        value,
        labels,
      }));
      logger[level](
        { status: notification.status, groupLabels: notification.groupLabels, alerts },
        titleOf(notification),
      );
    },
  };
}
