import { IntegrationError } from "../../../core/index.ts";
import { aggregate } from "./aggregate.ts";
import { combine, combineSets, combineVectors, combineWithNumber } from "./binary-operators.ts";
import {
  type BinaryNode,
  type CallNode,
  type Expression,
  type RangeNode,
  type SelectorNode,
  setOperators,
} from "./expression.ts";
import { histogramQuantile } from "./histogram-quantile.ts";
import { rangeFunctions } from "./range-functions.ts";
import { labelKey, type LabelSet, type Sample, type SampleRange } from "./sample.ts";

/** Where the samples come from. */
export interface SampleReader {
  /** The latest sample of each series that the selector takes, unless it is stale. */
  instant(selector: SelectorNode, at: number): Sample[];
  range(node: RangeNode, at: number): SampleRange[];
}

export interface EvaluationTime {
  /** Monotonic ms: what samples are dated with. */
  readonly at: number;
  /** Seconds since the epoch: what `time()` says. */
  readonly epochSeconds: number;
}

/**
 * Evaluates as Prometheus 2.42 does.
 * @returns one number, or one sample per series
 * @throws IntegrationError CONFLICT when series cannot be paired, or would become the same one
 */
export function evaluate(expression: Expression, reader: SampleReader, time: EvaluationTime): number | Sample[] {
  const vector = (node: Expression): Sample[] => evaluate(node, reader, time) as Sample[];
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "selector":
      return reader.instant(expression, time.at);
    case "range":
      throw new TypeError("a range has no value of its own");
    case "call":
      return call(expression, reader, time);
    case "aggregate":
      return aggregate(expression.operator, expression.grouping, vector(expression.arg));
    case "negate": {
      const value = evaluate(expression.arg, reader, time);
      return typeof value === "number" ? -value : mapValues(value, (number) => -number);
    }
    case "binary":
      return binary(expression, evaluate(expression.left, reader, time), evaluate(expression.right, reader, time));
    default:
      return expression satisfies never;
  }
}

function binary(node: BinaryNode, left: number | Sample[], right: number | Sample[]): number | Sample[] {
  if (typeof left === "number" && typeof right === "number") return combine(node.operator, left, right);
  if (typeof left === "number") return distinct(combineWithNumber(node, right as Sample[], left, "left"));
  if (typeof right === "number") return distinct(combineWithNumber(node, left, right, "right"));
  if (setOperators.has(node.operator)) return combineSets(node, left, right);
  return distinct(combineVectors(node, left, right));
}

function call(node: CallNode, reader: SampleReader, time: EvaluationTime): number | Sample[] {
  const [first, second] = node.args;
  const vector = (arg: Expression | undefined): Sample[] => evaluate(arg as Expression, reader, time) as Sample[];
  const scalar = (arg: Expression | undefined): number => evaluate(arg as Expression, reader, time) as number;
  const ofRange = Object.hasOwn(rangeFunctions, node.name) ? rangeFunctions[node.name] : undefined;
  if (ofRange) {
    const range = first as RangeNode;
    const end = time.at - range.selector.offsetMs;
    const bounds = { start: end - range.rangeMs, end };
    const samples = reader.range(range, time.at).flatMap((series): Sample[] => {
      const value = ofRange(series, bounds);
      const name = node.name === "last_over_time" ? series.name : "";
      return value === undefined ? [] : [{ name, labels: series.labels, value }];
    });
    return distinct(samples);
  }
  switch (node.name) {
    case "absent":
      return absent(vector(first).length > 0, first as Expression);
    case "absent_over_time":
      return absent(reader.range(first as RangeNode, time.at).length > 0, (first as RangeNode).selector);
    case "abs":
      return mapValues(vector(first), Math.abs);
    case "ceil":
      return mapValues(vector(first), Math.ceil);
    case "floor":
      return mapValues(vector(first), Math.floor);
    case "clamp_min": {
      const least = scalar(second);
      return mapValues(vector(first), (value) => Math.max(least, value));
    }
    case "clamp_max": {
      const most = scalar(second);
      return mapValues(vector(first), (value) => Math.min(most, value));
    }
    case "histogram_quantile":
      return histogramQuantile(scalar(first), vector(second));
    case "scalar": {
      const samples = vector(first);
      return samples.length === 1 ? (samples[0] as Sample).value : NaN;
    }
    case "vector":
      return [{ name: "", labels: {}, value: scalar(first) }];
    case "time":
      return time.epochSeconds;
    default:
      throw new TypeError(`the function ${node.name} is declared and has no body`);
  }
}

/** 1 with the labels that the selector names, while there is nothing. */
function absent(found: boolean, expression: Expression): Sample[] {
  return found ? [] : [{ name: "", labels: expression.kind === "selector" ? namedLabels(expression) : {}, value: 1 }];
}

/** Labels that are asked for with `=` and in no other way. */
function namedLabels({ matchers }: SelectorNode): LabelSet {
  const named = matchers.filter(({ label, operator, value }) => {
    const isOnly = matchers.filter((other) => other.label === label).length === 1;
    return operator === "=" && value !== "" && isOnly;
  });
  return Object.fromEntries(named.map(({ label, value }) => [label, value]));
}

function mapValues(samples: readonly Sample[], change: (value: number) => number): Sample[] {
  return distinct(samples.map(({ labels, value }) => ({ name: "", labels, value: change(value) })));
}

/** Without their names, samples of different metrics may have become one series. */
function distinct(samples: Sample[]): Sample[] {
  if (samples.length < 2) return samples;
  const seen = new Set<string>();
  for (const { name, labels } of samples) {
    const key = `${name} ${labelKey(labels)}`;
    if (seen.has(key))
      throw new IntegrationError({
        code: "CONFLICT",
        message: `Two series have the same labels after a computation, ${labelKey(labels) || "none"}; aggregate them first`,
      });
    seen.add(key);
  }
  return samples;
}
