/** A strict reader of both text formats for tests: throws on anything that a scraper could refuse. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
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
    const typeLine = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line);
    if (helpLine) help = [helpLine[1] as string, helpLine[2] as string];
    else if (typeLine) {
      const [, name, type] = typeLine as unknown as [string, string, string];
      if (help?.[0] !== name) throw new Error(`TYPE without its HELP: ${line}`);
      if (families.some((family) => family.name === name)) throw new Error(`a family twice: ${line}`);
      families.push({ name, type, help: help[1], samples: [] });
    } else {
      const family = families.at(-1);
      if (!family) throw new Error(`a sample without a family: ${line}`);
      const sample = parseSample(line);
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

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf)|NaN)$/.exec(line);
  if (!match) throw new Error(`not a sample: ${JSON.stringify(line)}`);
  const labels: Record<string, string> = {};
  let rest = match[2] ?? "";
  while (rest !== "") {
    const pair = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/.exec(rest);
    if (!pair) throw new Error(`not labels: ${JSON.stringify(line)}`);
    if ((pair[1] as string) in labels) throw new Error(`a label twice: ${line}`);
    labels[pair[1] as string] = (pair[2] as string).replace(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char));
    rest = rest.slice(pair[0].length);
  }
  const value = match[3] === "+Inf" ? Infinity : Number(match[3]);
  return { name: match[1] as string, labels, value };
}

/** The value of one sample, or `undefined` when it is not exported. */
export function sampleOf(families: readonly Family[], name: string, labels: Record<string, string> = {}) {
  const wanted = JSON.stringify(Object.entries(labels).sort());
  return families
    .flatMap((family) => family.samples)
    .find((sample) => sample.name === name && JSON.stringify(Object.entries(sample.labels).sort()) === wanted)?.value;
}
