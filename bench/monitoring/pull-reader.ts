import { AggregationTemporality, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";

/** What a pull exporter is to the SDK: without a reader it would aggregate nothing. */
class PullReader extends MetricReader {
  protected override onForceFlush = () => Promise.resolve();
  protected override onShutdown = () => Promise.resolve();
  override selectAggregationTemporality = () => AggregationTemporality.CUMULATIVE;
}

/** A meter that really records. Room for so many series in each instrument. */
export function recordingMeter(cardinalityLimit = 2_000) {
  const reader = new PullReader();
  const provider = new MeterProvider({
    readers: [reader],
    views: [{ instrumentName: "*", aggregationCardinalityLimit: cardinalityLimit }],
  });
  return { reader, meter: provider.getMeter("bench"), close: () => provider.shutdown() };
}
