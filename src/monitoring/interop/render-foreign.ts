import { type MetricsFormat } from "../metrics/render.ts";
import { numberText } from "../metrics/number-text.ts";
import { cleanLabelValue, escapeHelp, escapeLabelValue } from "../metrics/names.ts";
import { type ForeignFamily } from "./prom-client.ts";

/** A few thousand characters a piece: well below what a call would notice. */
const SAMPLES_PER_PIECE = 200;

/**
 * The text of one family of a host's registry, in pieces. Names are the same in both formats, so that one rule fits both:
 * a counter without `_total`, which OpenMetrics does not know, is `unknown` there.
 */
export function* foreignText(family: ForeignFamily, format: MetricsFormat): Generator<string, void, undefined> {
  const { name, help, samples } = family;
  const isOpenCounter = format === "openmetrics" && family.type === "counter";
  const bare = name.replace(/_total$/, "");
  const type = isOpenCounter && bare === name ? "unknown" : family.type;
  const head = isOpenCounter ? bare : name;
  let piece = `# HELP ${head} ${escapeHelp(help, format)}\n# TYPE ${head} ${type}\n`;
  for (const [index, sample] of samples.entries()) {
    if (index > 0 && index % SAMPLES_PER_PIECE === 0) {
      yield piece;
      piece = "";
    }
    const pairs = sample.labels.map(([label, value]) => `${label}="${escapeLabelValue(cleanLabelValue(value))}"`);
    piece += `${sample.name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(sample.value)}\n`;
  }
  yield piece;
}
