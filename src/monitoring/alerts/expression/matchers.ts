import { type Matcher, type MatcherOperator } from "./expression.ts";

/** What RE2, the engine of Prometheus, does not have: the exported rule would be refused there. */
const foreign = /\\[1-9]|\(\?(?:[=!]|<[=!])/;

/** @returns the matcher, or what is wrong with its pattern */
export function makeMatcher(label: string, operator: MatcherOperator, value: string): Matcher | string {
  if (operator === "=" || operator === "!=") {
    const wanted = operator === "=";
    return { label, operator, value, matches: (text) => (text === value) === wanted };
  }
  if (foreign.test(value)) return "look-around and back-references are not part of Prometheus' patterns (RE2)";
  try {
    // Patterns are anchored at both ends, as in Prometheus.
    const pattern = new RegExp(`^(?:${value})$`, "u");
    const wanted = operator === "=~";
    return { label, operator, value, matches: (text) => pattern.test(text) === wanted };
  } catch (error) {
    return `the pattern is not valid (${(error as Error).message})`;
  }
}
