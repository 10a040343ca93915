import { MonitoringSystem } from "enhanced-integration/monitoring";
import { Counter, Registry } from "prom-client";
import { type Effort, measure } from "../support/measure.ts";
import { type Figure } from "../support/report.ts";
import { printTimings } from "../support/timing-rows.ts";
import { HandFamily } from "./hand/registry.ts";
import { recordingMeter } from "./pull-reader.ts";

const SERIES = 10_000;
const PATHS = 100;

/** The text of 10,000 series of two labels, as bytes. */
export async function scrape(effort: Effort): Promise<Figure[]> {
  const labelNames = ["path", "status"] as const;
  const monitoring = new MonitoringSystem({ defaultMetrics: false, planAlerts: false, maxSeriesPerMetric: SERIES + 1 });
  const ours = monitoring.trackMetric("requests_total", "counter", { labels: labelNames });
  const register = new Registry();
  const peer = new Counter({ name: "requests_total", help: "Requests.", labelNames, registers: [register] });
  const { reader, meter, close } = recordingMeter(SERIES + 1);
  const otel = meter.createCounter("requests");
  const hand = new HandFamily("requests_total");
  for (let i = 0; i < SERIES; i += 1) {
    const labels = { path: `/path/${i % PATHS}`, status: String(100 + Math.floor(i / PATHS)) };
    const by = (i % 97) + 1;
    ours.inc(by, labels);
    peer.inc(labels, by);
    otel.add(by, labels);
    for (let times = 0; times < by; times += 1) hand.inc(labels.path, labels.status);
  }
  const collected = (await reader.collect()).resourceMetrics.scopeMetrics[0]?.metrics[0]?.dataPoints.length;
  if (collected !== SERIES) throw new Error(`OpenTelemetry collected ${collected} series, not ${SERIES}`);
  const shortest = Math.min(hand.render().length, (await register.metrics()).length);
  if ((await monitoring.metrics()).length < shortest) throw new Error("our text is shorter than the hand-written one");

  const once = { maxOperations: 50 };
  const timings = await measure(
    [
      { name: "hand", run: () => Buffer.from(hand.render()), ...once },
      { name: "ours", run: async () => Buffer.from(await monitoring.metrics()), ...once },
      { name: "ours, streamed", run: () => streamed(monitoring), ...once },
      { name: "prom-client", run: async () => Buffer.from(await register.metrics()), ...once },
      { name: "OpenTelemetry, collect alone", run: () => reader.collect(), ...once },
    ],
    { ...effort, sliceMs: Math.max(effort.sliceMs, 60) },
  );
  await close();
  printTimings(timings, "hand");
  return [
    { name: "scrape of 10,000 series: ours / hand", value: timings.ratio("ours", "hand"), unit: "×", atMost: 2.5 },
    { name: "scrape: prom-client / ours", value: timings.ratio("prom-client", "ours"), unit: "×", atLeast: 6 },
    {
      name: "scrape: OpenTelemetry's collect without text / ours",
      value: timings.ratio("OpenTelemetry, collect alone", "ours"),
      unit: "×",
    },
    { name: "scrape, streamed: ours / hand", value: timings.ratio("ours, streamed", "hand"), unit: "×", atMost: 2.5 },
    { name: "scrape of 10,000 series: ours", value: timings.medianNs("ours") / 1e6, unit: "ms", note: "aim: 2.5 ms" },
  ];
}

/** As a response writes it: each slice becomes bytes of its own. */
async function streamed(monitoring: MonitoringSystem): Promise<number> {
  let bytes = 0;
  for await (const slice of monitoring.metricsStream()) bytes += Buffer.from(slice).length;
  return bytes;
}
