import { type MetricsFormat } from "../metrics/render.ts";
import { cleanLabelValue, escapeHelp, escapeLabelValue } from "../metrics/names.ts";
import { type ForeignFamily } from "./prom-client.ts";

/** The text of one family of a host's registry. */
export function foreignText({ name, help, type, samples }: ForeignFamily, format: MetricsFormat): string {
  const isOpen = format === "openmetrics";
  const family = isOpen && type === "counter" ? name.replace(/_total$/, "") : name;
  const lines = samples.map((sample) => {
    const pairs = sample.labels.map(([label, value]) => `${label}="${escapeLabelValue(cleanLabelValue(value))}"`);
    const sampleName = isOpen && type === "counter" ? `${family}_total` : sample.name;
    return `${sampleName}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(sample.value)}\n`;
  });
  return `# HELP ${family} ${escapeHelp(help, format)}\n# TYPE ${family} ${type}\n${lines.join("")}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
