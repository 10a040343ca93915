/** Where one alert stands for one series. Times are monotonic ms. */
export type AlertState =
  | { readonly phase: "inactive" }
  | { readonly phase: "pending"; readonly since: number }
  | { readonly phase: "firing"; readonly since: number };

/** What is told to the world, once each. A pending alert that goes back is not told: it never fired. */
export type AlertChange = "pending" | "firing" | "resolved";

export const inactive: AlertState = { phase: "inactive" };

/**
 * inactive → pending → firing → resolved, as Prometheus does it.
 * @param satisfied false while there is no data
 * @param forMs how long the condition must hold before it fires; 0 skips pending
 */
export function stepAlert(
  state: AlertState,
  satisfied: boolean,
  now: number,
  forMs: number,
): readonly [AlertState, AlertChange | undefined] {
  if (!satisfied) return [inactive, state.phase === "firing" ? "resolved" : undefined];
  switch (state.phase) {
    case "inactive":
      return forMs > 0 ? [{ phase: "pending", since: now }, "pending"] : [{ phase: "firing", since: now }, "firing"];
    case "pending":
      return now - state.since >= forMs ? [{ phase: "firing", since: now }, "firing"] : [state, undefined];
    case "firing":
      return [state, undefined];
    default:
      return state satisfies never;
  }
}
