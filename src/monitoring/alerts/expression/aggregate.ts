import { type AggregateOperator, type Grouping } from "./expression.ts";
import { isInfinite } from "./range-functions.ts";
import { labelKey, omitLabels, pickLabels, type LabelSet, type Sample } from "./sample.ts";

interface Group {
  readonly labels: LabelSet;
  value: number;
  count: number;
}

/** Joins the samples of each group into one. */
export function aggregate(operator: AggregateOperator, grouping: Grouping, samples: readonly Sample[]): Sample[] {
  const groups = new Map<string, Group>();
  for (const sample of samples) {
    const labels = (grouping.without ? omitLabels : pickLabels)(sample.labels, grouping.labels);
    const key = labelKey(labels);
    const group = groups.get(key);
    if (group) take(operator, group, sample.value);
    else groups.set(key, { labels, value: sample.value, count: 1 });
  }
  return [...groups.values()].map(({ labels, value, count }) => ({
    name: "",
    labels,
    value: operator === "count" ? count : value,
  }));
}

/** NaN gives way to any number in minimum and maximum, and spoils sum and mean, as in Prometheus. */
function take(operator: AggregateOperator, group: Group, value: number): void {
  group.count += 1;
  switch (operator) {
    case "sum":
      group.value += value;
      return;
    case "avg":
      if (isInfinite(group.value) && !Number.isNaN(value) && !(isInfinite(value) && value > 0 !== group.value > 0))
        return;
      // Divided one by one, so that large values do not overflow.
      group.value += value / group.count - group.value / group.count;
      return;
    case "min":
      if (group.value > value || Number.isNaN(group.value)) group.value = value;
      return;
    case "max":
      if (group.value < value || Number.isNaN(group.value)) group.value = value;
      return;
    case "count":
      return;
    default:
      return operator satisfies never;
  }
}
