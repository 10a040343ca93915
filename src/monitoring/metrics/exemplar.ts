import { cleanLabelValue, escapeLabelValue, isLabelName } from "./names.ts";

/** What leads from a number to one case of it, e.g. `{ trace_id: "4bf9…", call_id: "…" }`. Exported in OpenMetrics only. */
export type ExemplarLabels = Readonly<Record<string, string>>;

/** One recorded value and where it came from. */
export interface Exemplar {
  readonly labels: ExemplarLabels;
  readonly value: number;
}

/** The standard's bound on names and values together, in characters. */
const MAX_EXEMPLAR_LENGTH = 128;

/**
 * ` # {trace_id="…"} 0.043`, or nothing where the labels cannot be exported: recording takes what it is given, and one
 * wrong exemplar must not cost the scrape.
 */
export function exemplarText({ labels, value }: Exemplar): string {
  const pairs = Object.entries(labels ?? {}).filter(([, text]) => typeof text === "string" && text !== "");
  const length = pairs.reduce((total, [name, text]) => total + name.length + [...text].length, 0);
  if (pairs.length === 0 || length > MAX_EXEMPLAR_LENGTH || !pairs.every(([name]) => isLabelName(name))) return "";
  const texts = pairs.map(([name, text]) => `${name}="${escapeLabelValue(cleanLabelValue(text))}"`);
  return ` # {${texts.join(",")}} ${value}`;
}
