import { type AlertOptions } from "../alerts/alert-rule.ts";

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

/** The alerts of one objective, by name. */
export function burnRules(slo: string): Readonly<Record<string, AlertOptions>> {
  const rate = (window: BurnWindow): string => `${BURN_RATE_METRIC}{slo=${JSON.stringify(slo)},window="${window}"}`;
  const condition = (pairs: readonly BurnPair[]): string =>
    pairs
      .map(
        ({ rate: limit, long, short }) =>
          `sum by (slo) (${rate(long)}) > ${limit} and sum by (slo) (${rate(short)}) > ${limit}`,
      )
      .join(" or ");
  return {
    [`${slo}_slo_page`]: {
      condition: condition(pagePairs),
      severity: "critical",
      message: '{{ $labels.slo }} spends its error budget {{ printf "%.1f" $value }} times too fast',
    },
    [`${slo}_slo_ticket`]: {
      condition: condition(ticketPairs),
      severity: "warning",
      message: '{{ $labels.slo }} will miss its objective at this rate ({{ printf "%.1f" $value }} times too fast)',
    },
  };
}
