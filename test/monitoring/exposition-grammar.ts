/** A strict reader of both text formats for tests: throws on anything that a scraper could refuse. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number };
}
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  unit?: string;
  readonly samples: Sample[];
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  unknown: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
};

export function parseExposition(text: string, format: "prometheus" | "openmetrics"): Family[] {
  if (!text.endsWith("\n")) throw new Error("the last line must end");
  const lines = text.slice(0, -1).split("\n");
  if (format === "openmetrics" && lines.pop() !== "# EOF") throw new Error("# EOF must be the last line");
  const families: Family[] = [];
  const seen = new Set<string>();
  let help: [string, string] | undefined;
  for (const line of lines) {
    const helpLine = /^# HELP ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    const typeLine = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary|unknown)$/.exec(line);
    const unitLine = /^# UNIT ([a-zA-Z_:][\w:]*) (\w+)$/.exec(line);
    if (unitLine && format === "openmetrics") {
      const [, name, unit] = unitLine as unknown as [string, string, string];
      const family = families.at(-1);
      if (family?.name !== name || family.samples.length > 0) throw new Error(`UNIT out of its place: ${line}`);
      if (!name.endsWith(`_${unit}`)) throw new Error(`the unit must end the name: ${line}`);
      family.unit = unit;
    } else if (helpLine) help = [helpLine[1] as string, helpLine[2] as string];
    else if (typeLine) {
      const [, name, type] = typeLine as unknown as [string, string, string];
      if (help?.[0] !== name) throw new Error(`TYPE without its HELP: ${line}`);
      if (families.some((family) => family.name === name)) throw new Error(`a family twice: ${line}`);
      families.push({ name, type, help: help[1], samples: [] });
    } else {
      const family = families.at(-1);
      if (!family) throw new Error(`a sample without a family: ${line}`);
      const sample = parseSample(line, format);
      if (format === "openmetrics" && sample.name === `${family.name}_created`) continue;
      const base = format === "openmetrics" && family.type === "counter" ? `${family.name}_total` : family.name;
      if (!suffixes[family.type]?.some((suffix) => sample.name === base + suffix))
        throw new Error(`${sample.name} does not belong to ${family.type} ${family.name}`);
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      if (seen.has(key)) throw new Error(`a series twice: ${line}`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  return families;
}

const number = String.raw`[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf)|NaN`;
const sampleLine = new RegExp(String.raw`^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (${number})(?: # \{(.*)\} (${number}))?$`);

function parseSample(line: string, format: "prometheus" | "openmetrics"): Sample {
  const match = sampleLine.exec(line);
  if (!match) throw new Error(`not a sample: ${JSON.stringify(line)}`);
  const [, name = "", labelText = "", value = "", exemplarLabels, exemplarValue] = match;
  const sample = { name, labels: parseLabels(labelText, line), value: numberOf(value) };
  if (exemplarLabels === undefined) return sample;
  if (format !== "openmetrics" || !/_(total|bucket)$/.test(name)) throw new Error(`an exemplar out of place: ${line}`);
  const labels = parseLabels(exemplarLabels, line);
  if (Object.entries(labels).flat().join("").length > 128) throw new Error(`an exemplar too long: ${line}`);
  return { ...sample, exemplar: { labels, value: numberOf(exemplarValue ?? "") } };
}

const numberOf = (text: string) => (text === "+Inf" ? Infinity : Number(text));

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const pair = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/.exec(rest);
    if (!pair) throw new Error(`not labels: ${JSON.stringify(line)}`);
    if ((pair[1] as string) in labels) throw new Error(`a label twice: ${line}`);
    labels[pair[1] as string] = (pair[2] as string).replace(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char));
    rest = rest.slice(pair[0].length);
  }
  return labels;
}

/** The value of one sample, or `undefined` when it is not exported. */
export function sampleOf(families: readonly Family[], name: string, labels: Record<string, string> = {}) {
  const wanted = JSON.stringify(Object.entries(labels).sort());
  return families
    .flatMap((family) => family.samples)
    .find((sample) => sample.name === name && JSON.stringify(Object.entries(sample.labels).sort()) === wanted)?.value;
}
