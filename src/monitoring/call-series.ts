import { type IntegrationEvents } from "../core/index.ts";
import { type CounterSeries } from "./metrics/scalar.ts";
import { type HistogramSeries } from "./metrics/histogram.ts";
import { type StandardMetrics } from "./standard-metrics.ts";

/** Operations are few; a host that made names up per call would otherwise fill the memory. */
const MAX_BOUND = 500;

interface BoundSeries {
  readonly ok: CounterSeries;
  readonly duration: HistogramSeries;
}

/** Counts calls through series bound once per service and operation: looking them up by labels is most of the cost. */
export class CallSeries {
  readonly #metrics: Pick<StandardMetrics, "calls" | "callDuration">;
  readonly #bound = new Map<string, Map<string, BoundSeries>>();
  #size = 0;

  constructor(metrics: Pick<StandardMetrics, "calls" | "callDuration">) {
    this.#metrics = metrics;
  }

  record(event: IntegrationEvents["call.finished"]): void {
    const { callId, traceId, service, operation, outcome, code, durationMs } = event;
    // Leads from a slow bucket to `explain(callId)`, and to the call's trace; what is empty is left out.
    const exemplar = { call_id: callId, trace_id: traceId ?? "" };
    const bound = this.#bound.get(service)?.get(operation) ?? this.#bind(service, operation);
    if (outcome === "ok" && bound) bound.ok.inc();
    else this.#metrics.calls.inc(1, { service, operation, outcome, code: code ?? "" }, exemplar);
    if (bound) bound.duration.observe(durationMs / 1_000, exemplar);
    else this.#metrics.callDuration.observe(durationMs / 1_000, { service, operation });
  }

  #bind(service: string, operation: string): BoundSeries | undefined {
    if (this.#size >= MAX_BOUND) return undefined;
    this.#size += 1;
    const bound = {
      ok: this.#metrics.calls.labels({ service, operation, outcome: "ok", code: "" }),
      duration: this.#metrics.callDuration.labels({ service, operation }),
    };
    const operations = this.#bound.get(service) ?? new Map<string, BoundSeries>();
    this.#bound.set(service, operations);
    operations.set(operation, bound);
    return bound;
  }
}
