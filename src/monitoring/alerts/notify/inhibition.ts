import { type Matcher } from "../expression/expression.ts";
import { labelOf, type LabelSet } from "../expression/sample.ts";
import { matchesAll, parseMatcherList } from "./matcher-list.ts";

/** While a source fires, targets with the same `equal` labels are not told: the cause is told, not its effects. */
export interface InhibitionOptions {
  /** `alertname="neon_down"`. */
  readonly source: string;
  /** `service="neon", severity!="critical"`. */
  readonly target: string;
  /** Labels that must be the same on both; one that both lack is the same. @defaultValue none */
  readonly equal?: readonly string[] | undefined;
}

/** @returns whether an alert is inhibited by any of those that fire */
export type Inhibition = (target: LabelSet, firing: readonly LabelSet[]) => boolean;

/** @throws IntegrationError INVALID_INPUT that says where matchers go wrong */
export function inhibitionOf({ source, target, equal = [] }: InhibitionOptions): Inhibition {
  const [sources, targets]: readonly (readonly Matcher[])[] = [parseMatcherList(source), parseMatcherList(target)];
  return (labels, firing) => {
    if (!matchesAll(targets ?? [], labels)) return false;
    // An alert on both sides does not silence itself or its like, as in Alertmanager.
    const isSource = matchesAll(sources ?? [], labels);
    return firing.some(
      (other) =>
        matchesAll(sources ?? [], other) &&
        !(isSource && matchesAll(targets ?? [], other)) &&
        equal.every((label) => labelOf(other, label) === labelOf(labels, label)),
    );
  };
}
