/** Where one alert stands for one series. Times are monotonic ms. */
export type AlertState =
  | { readonly phase: "inactive" }
  | { readonly phase: "pending"; readonly since: number }
  /** `keptSince`: the condition holds no more since then, and the alert is kept firing. */
  | { readonly phase: "firing"; readonly since: number; readonly keptSince?: number };

/** What is told to the world, once each. A pending alert that goes back is not told: it never fired. */
export type AlertChange = "pending" | "firing" | "resolved";

/** How long a condition must hold, or be gone, before the alert follows it, ms. */
export interface AlertDelays {
  /** 0 skips pending. */
  readonly forMs: number;
  /** @defaultValue 0: it resolves at once */
  readonly keepFiringForMs?: number;
}

export const inactive: AlertState = { phase: "inactive" };

/**
 * inactive → pending → firing → resolved, as Prometheus does it.
 * @param satisfied false while there is no data
 */
export function stepAlert(
  state: AlertState,
  satisfied: boolean,
  now: number,
  { forMs, keepFiringForMs = 0 }: AlertDelays,
): readonly [AlertState, AlertChange | undefined] {
  switch (state.phase) {
    case "inactive":
      if (!satisfied) return [state, undefined];
      return forMs > 0 ? [{ phase: "pending", since: now }, "pending"] : [{ phase: "firing", since: now }, "firing"];
    case "pending":
      if (!satisfied) return [inactive, undefined];
      return now - state.since >= forMs ? [{ phase: "firing", since: now }, "firing"] : [state, undefined];
    case "firing": {
      if (satisfied)
        return [state.keptSince === undefined ? state : { phase: "firing", since: state.since }, undefined];
      const keptSince = state.keptSince ?? now;
      if (now - keptSince < keepFiringForMs) return [{ ...state, keptSince }, undefined];
      return [inactive, "resolved"];
    }
    default:
      return state satisfies never;
  }
}
