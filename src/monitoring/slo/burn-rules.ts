import { type AlertOptions, type AlertSeverity, type FleetRule } from "../alerts/alert-rule.ts";
import { type SelectorNode } from "../alerts/expression/expression.ts";
import { formatExpression } from "../alerts/expression/format-expression.ts";

export const BURN_RATE_METRIC = "enhanced_integration_slo_burn_rate";
export const BUDGET_METRIC = "enhanced_integration_slo_budget_left_ratio";

/** Windows whose burn rate is kept, ms. */
export const burnWindows = {
  "5m": 300_000,
  "30m": 1_800_000,
  "1h": 3_600_000,
  "6h": 21_600_000,
  "3d": 259_200_000,
} as const;
export type BurnWindow = keyof typeof burnWindows;

interface BurnPair {
  readonly rate: number;
  readonly long: BurnWindow;
  readonly short: BurnWindow;
}

/**
 * Both windows must agree: the long one says that it matters, the short one that it goes on. 14.4 spends 2 % of a month's
 * budget in an hour, 6 spends 5 % in six hours, 1 all of it by the month's end.
 * @see https://sre.google/workbook/alerting-on-slos/ chapter 5, table 5-8
 */
const pagePairs: readonly BurnPair[] = [
  { rate: 14.4, long: "1h", short: "5m" },
  { rate: 6, long: "6h", short: "30m" },
];
const ticketPairs: readonly BurnPair[] = [{ rate: 1, long: "3d", short: "6h" }];

/** What an objective counts, and how strictly. */
export interface SloTarget {
  readonly good: SelectorNode;
  readonly total: SelectorNode;
  readonly objective: number;
  readonly minimumEvents: number;
}

/** The alerts of one objective, by name. */
export function burnRules(
  slo: string,
  target: SloTarget,
): Readonly<Record<string, { readonly rule: AlertOptions; readonly fleet: FleetRule }>> {
  const rate = (window: BurnWindow): string => `${BURN_RATE_METRIC}{slo=${JSON.stringify(slo)},window="${window}"}`;
  const condition = (pairs: readonly BurnPair[]): string =>
    pairs
      .map(
        ({ rate: limit, long, short }) =>
          `sum by (slo) (${rate(long)}) > ${limit} and sum by (slo) (${rate(short)}) > ${limit}`,
      )
      .join(" or ");
  const ruleOf = (pairs: readonly BurnPair[], severity: AlertSeverity, message: string) => ({
    rule: { condition: condition(pairs), severity, message },
    fleet: { expression: fleetExpression(pairs, target), labels: { slo } },
  });
  const times = '{{ printf "%.1f" $value }} times too fast';
  return {
    [`${slo}_slo_page`]: ruleOf(pagePairs, "critical", `${slo} spends its error budget ${times}`),
    [`${slo}_slo_ticket`]: ruleOf(ticketPairs, "warning", `${slo} will miss its objective at this rate (${times})`),
  };
}

/**
 * Counts of all processes add up, burn rates of one process each do not. Where nothing was good there may be no such
 * series: none is 0, and not unknown.
 */
function fleetExpression(pairs: readonly BurnPair[], { good, total, objective, minimumEvents }: SloTarget) {
  const allowed = Number((1 - objective).toPrecision(12));
  return (nameOf: (name: string) => string): string => {
    const over = (selector: SelectorNode, window: BurnWindow): string =>
      formatExpression({ kind: "range", selector, rangeMs: burnWindows[window], position: 0 }, nameOf);
    const burns = (window: BurnWindow, limit: number): string => {
      const share = `(sum(rate(${over(good, window)})) or vector(0)) / sum(rate(${over(total, window)}))`;
      const isBusy = `sum(increase(${over(total, window)})) >= ${minimumEvents}`;
      return `(1 - ${share}) / ${allowed} > ${limit} and ${isBusy}`;
    };
    return pairs.map(({ rate, long, short }) => `${burns(long, rate)} and ${burns(short, rate)}`).join(" or ");
  };
}
