import { DEFAULT_BUCKETS, MonitoringSystem } from "enhanced-integration/monitoring";
import { Counter, Histogram, Registry } from "prom-client";
import { type Effort, measure } from "../support/measure.ts";
import { type Figure } from "../support/report.ts";
import { printTimings } from "../support/timing-rows.ts";
import { HandCounter, HandFamily, HandHistogram } from "./hand/registry.ts";
import { recordingMeter } from "./pull-reader.ts";

const labelNames = ["method", "status"] as const;
const methods = ["GET", "POST", "PUT", "DELETE"];
const statuses = ["200", "201", "404", "500"];
const methodOf = (i: number) => methods[i & 3] as string;
const statusOf = (i: number) => statuses[(i >> 2) & 3] as string;
/** From 0 to 1 s, over most of the buckets. */
const secondsOf = (i: number) => ((i * 7_919) % 1_000) / 1_000;

const quiet = { defaultMetrics: false, planAlerts: false } as const;

/** One increment of a counter whose labels were bound before. */
export async function boundCounter(effort: Effort): Promise<Figure[]> {
  const ours = new MonitoringSystem(quiet)
    .trackMetric("requests_total", "counter", { labels: labelNames })
    .labels({ method: "GET", status: "200" });
  const options = { name: "requests_total", help: "Requests.", registers: [new Registry()] };
  const peer = new Counter({ ...options, labelNames }).labels({ method: "GET", status: "200" });
  const bare = new Counter({ ...options, registers: [new Registry()] });
  const { meter, close } = recordingMeter();
  const otel = meter.createCounter("requests");
  const attributes = { method: "GET", status: "200" };
  const hand = new HandCounter();
  const timings = await measure(
    [
      { name: "hand", run: () => hand.inc() },
      { name: "ours", run: () => ours.inc() },
      { name: "prom-client, bound child", run: () => peer.inc() },
      { name: "prom-client, no labels", run: () => bare.inc() },
      { name: "OpenTelemetry, attributes kept", run: () => otel.add(1, attributes) },
    ],
    effort,
  );
  await close();
  printTimings(timings, "hand");
  const against = (name: string) => timings.ratio(name, "ours");
  return [
    { name: "bound counter: prom-client / ours", value: against("prom-client, bound child"), unit: "×", atLeast: 20 },
    { name: "bound counter: OpenTelemetry / ours", value: against("OpenTelemetry, attributes kept"), unit: "×" },
    { name: "bound counter: ours", value: timings.medianNs("ours"), unit: "ns", note: "aim: 10 ns" },
  ];
}

/** One observation of a histogram with the same buckets. */
export async function histogram(effort: Effort): Promise<Figure[]> {
  const monitoring = new MonitoringSystem(quiet);
  const ours = monitoring.trackMetric("request_seconds", "histogram");
  const bound = monitoring
    .trackMetric("labelled_seconds", "histogram", { labels: labelNames })
    .labels({ method: "GET", status: "200" });
  const buckets = [...DEFAULT_BUCKETS];
  const options = { name: "request_seconds", help: "Requests.", buckets };
  const peer = new Histogram({ ...options, registers: [new Registry()] });
  const peerBound = new Histogram({ ...options, labelNames, registers: [new Registry()] }).labels({
    method: "GET",
    status: "200",
  });
  const { meter, close } = recordingMeter();
  const otel = meter.createHistogram("request", { advice: { explicitBucketBoundaries: buckets } });
  const hand = new HandHistogram(buckets);
  const timings = await measure(
    [
      { name: "hand", run: (i) => hand.observe(secondsOf(i)) },
      { name: "ours", run: (i) => ours.observe(secondsOf(i)) },
      { name: "ours, bound", run: (i) => bound.observe(secondsOf(i)) },
      { name: "prom-client", run: (i) => peer.observe(secondsOf(i)) },
      { name: "prom-client, bound child", run: (i) => peerBound.observe(secondsOf(i)) },
      { name: "OpenTelemetry", run: (i) => otel.record(secondsOf(i)) },
    ],
    effort,
  );
  await close();
  printTimings(timings, "hand");
  return [
    { name: "histogram: prom-client / ours", value: timings.ratio("prom-client", "ours"), unit: "×", atLeast: 6 },
    {
      name: "bound histogram: prom-client / ours",
      value: timings.ratio("prom-client, bound child", "ours, bound"),
      unit: "×",
      atLeast: 6,
    },
    { name: "histogram: OpenTelemetry / ours", value: timings.ratio("OpenTelemetry", "ours"), unit: "×" },
    { name: "histogram: ours", value: timings.medianNs("ours"), unit: "ns", note: "aim: 50 ns" },
  ];
}

/** One increment by a fresh object of two labels, as code that binds nothing does it; 16 series in turn. */
export async function twoLabels(effort: Effort): Promise<Figure[]> {
  const ours = new MonitoringSystem(quiet).trackMetric("requests_total", "counter", { labels: labelNames });
  const options = { name: "requests_total", help: "Requests.", labelNames, registers: [new Registry()] };
  const peer = new Counter(options);
  const { meter, close } = recordingMeter();
  const otel = meter.createCounter("requests");
  const hand = new HandFamily("requests_total");
  const timings = await measure(
    [
      { name: "hand", run: (i) => hand.inc(methodOf(i), statusOf(i)) },
      { name: "ours", run: (i) => ours.inc(1, { method: methodOf(i), status: statusOf(i) }) },
      { name: "prom-client", run: (i) => peer.inc({ method: methodOf(i), status: statusOf(i) }) },
      { name: "OpenTelemetry", run: (i) => otel.add(1, { method: methodOf(i), status: statusOf(i) }) },
    ],
    effort,
  );
  await close();
  printTimings(timings, "hand");
  return [
    { name: "two labels: prom-client / ours", value: timings.ratio("prom-client", "ours"), unit: "×", atLeast: 4 },
    { name: "two labels: OpenTelemetry / ours", value: timings.ratio("OpenTelemetry", "ours"), unit: "×" },
    { name: "two labels: ours", value: timings.medianNs("ours"), unit: "ns", note: "aim: 60 ns" },
  ];
}
