/** What TinyFish is known to do now and then, to be switched on at any time: `standIn.quirks.omitNulls = true`. */
export interface Quirks {
  /** Ends each event stream after so many events. @defaultValue undefined: never */
  cutStreamAfterEvents?: number | undefined;
  /** How a stream ends early: the connection is reset, closed as if complete, or stays open in silence. */
  cutStreamBy: "reset" | "end" | "silence";
  /** Leaves out keys whose value is null. */
  omitNulls: boolean;
  /** Spells keys as the product's predecessor did: `runId` for `run_id`. */
  camelCase: boolean;
  /** Uses error categories and stream events that no document names. */
  unknownNames: boolean;
  /** Refuses `output_schema` and `max_steps`, as accounts outside the beta are. */
  betaGates: boolean;
  /** Has no wallet, as accounts with credits of the old kind. */
  legacyAccount: boolean;
  /** Hides new runs from the list for so many list requests: an index that lags behind. */
  listLag: number;
}

export const noQuirks: Readonly<Quirks> = {
  cutStreamBy: "reset",
  omitNulls: false,
  camelCase: false,
  unknownNames: false,
  betaGates: false,
  legacyAccount: false,
  listLag: 0,
};

/** An answer's JSON as the quirks shape it. What a run extracted (`result`) is the page's and stays as it is. */
export function applyQuirks(value: unknown, quirks: Quirks): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map((each) => applyQuirks(each, quirks));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value as Record<string, unknown>)
    .filter(([, each]) => !(quirks.omitNulls && each === null))
    .map(([key, each]): [string, unknown] => {
      const name = quirks.camelCase ? toCamelCase(key) : key;
      if (quirks.unknownNames && key === "category") return [name, "NEW_CATEGORY"];
      return [name, key === "result" ? each : applyQuirks(each, quirks)];
    });
  return Object.fromEntries(entries);
}

function toCamelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
