import { type Clock } from "../../core/index.ts";
import { type MetricRegistry } from "../metrics/registry.ts";
import { AlertEngine } from "./alert-engine.ts";
import { type RegistrySource } from "./history/registry-source.ts";
import { SampleHistory } from "./history/sample-history.ts";

/** An alert engine over the metrics of a registry, whose own faults are metrics there. */
export function alertEngineOf(
  registry: MetricRegistry,
  source: RegistrySource,
  options: { readonly clock: Clock; readonly maxAlertSamples: number },
): AlertEngine {
  const dropped = registry.register("enhanced_integration_alert_samples_dropped_total", "counter", {
    help: "Samples that alert conditions had no room for, or that gave way to newer ones.",
  });
  const faults = registry.register("enhanced_integration_alert_evaluation_faults_total", "counter", {
    help: "Evaluations of alert conditions that failed, by alert.",
    labels: ["alert"],
  });
  const history = new SampleHistory({
    resolve: (name) => source.resolve(name) ?? name,
    maxSamples: options.maxAlertSamples,
    onCrowded: () => dropped.inc(),
  });
  return new AlertEngine({ source, history, clock: options.clock, onFault: (alert) => faults.inc(1, { alert }) });
}
