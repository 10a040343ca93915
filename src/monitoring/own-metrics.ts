import { type ActiveAlert } from "./alerts/alert-engine.ts";
import { type MetricRegistry } from "./metrics/registry.ts";

/** Metrics of the monitoring itself. */
export function registerOwnMetrics(registry: MetricRegistry, activeAlerts: () => readonly ActiveAlert[]) {
  for (const state of ["pending", "firing"] as const)
    registry
      .register(`enhanced_integration_alerts_${state}`, "gauge", {
        help: `Alerts that are ${state}, one for each series.`,
      })
      .labels()
      .compute(() => activeAlerts().filter((alert) => alert.state === state).length);
  return {
    deliveries: registry.register("enhanced_integration_alert_notifications_total", "counter", {
      help: "Deliveries of alerts by notifier and outcome; code is the error code of failed ones.",
      labels: ["notifier", "outcome", "code"],
    }),
    /** Exceptions of alert listeners: they must not stop one another. */
    listenerFaults: registry.register("enhanced_integration_alert_listener_faults_total", "counter", {
      help: "Alert listeners that threw or rejected.",
    }),
    hostFaults: registry.register("enhanced_integration_host_registry_faults_total", "counter", {
      help: "Readings of a host's included registry that threw, or did not end in time.",
    }),
  };
}
