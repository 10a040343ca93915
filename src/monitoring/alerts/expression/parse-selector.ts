import { parseDuration } from "../duration.ts";
import { type Matcher, type MatcherOperator, type RangeNode, type SelectorNode } from "./expression.ts";
import { makeMatcher } from "./matchers.ts";
import { type TokenStream } from "./token-stream.ts";

/** A day. Every sample of the range is held in memory; longer windows are for `addSlo`, which keeps them thinned out. */
export const MAX_RANGE_MS = 86_400_000;

const matcherOperators: ReadonlySet<string> = new Set(["=", "!=", "=~", "!~"]);

/** `name{label="value"}[5m] offset 1h`: all but the name may be absent. */
export function parseSelector(tokens: TokenStream): SelectorNode | RangeNode {
  const { text: name, position } = tokens.expectKind("name", "a metric name");
  const matchers = tokens.takes("{") ? parseMatchers(tokens) : [];
  const rangeMs = tokens.takes("[") ? parseRange(tokens) : undefined;
  const offsetMs = tokens.takes("offset") ? takeDuration(tokens, "a duration such as 5m") : 0;
  if (tokens.sees("@")) tokens.fail("@ is not supported; shift a metric in time with offset, as in x offset 5m");
  if (tokens.sees("[")) tokens.fail("the range comes before the offset, as in x[5m] offset 1h");
  const selector: SelectorNode = { kind: "selector", name, matchers, offsetMs, position };
  return rangeMs === undefined ? selector : { kind: "range", selector, rangeMs, position };
}

function parseRange(tokens: TokenStream): number {
  const { position } = tokens.next;
  const rangeMs = takeDuration(tokens, "a duration such as 5m");
  if (tokens.next.text.startsWith(":")) tokens.fail("subqueries are not supported; use the range alone, as in [5m]");
  tokens.expect("]");
  if (rangeMs === 0) tokens.fail("a range must be longer than 0", position);
  return rangeMs;
}

/** @throws IntegrationError INVALID_INPUT when no duration is next, or one beyond a day */
function takeDuration(tokens: TokenStream, what: string): number {
  const { text, position } = tokens.expectKind("duration", what);
  const ms = parseDuration(text);
  if (ms === undefined) tokens.fail(`${text} is no duration; units go from y to ms, each once, as in 1h30m`, position);
  if (ms > MAX_RANGE_MS)
    tokens.fail(`${text} is more than a day of samples; objectives over days are what addSlo is for`, position);
  return ms;
}

function parseMatchers(tokens: TokenStream): Matcher[] {
  const matchers: Matcher[] = [];
  while (!tokens.takes("}")) {
    if (tokens.next.text.startsWith("__")) tokens.fail("a label name that does not begin with __ was expected");
    const { text: label } = tokens.expectKind("name", "a label name or }");
    if (label.includes(":")) tokens.fail(`${label} is no label name; colons are for metrics`);
    const operator = matcherOperators.has(tokens.next.text)
      ? (tokens.advance().text as MatcherOperator)
      : tokens.fail("one of =, !=, =~, !~ was expected");
    const { text: value, position } = tokens.expectKind("string", "a value in double quotes");
    const matcher = makeMatcher(label, operator, value);
    if (typeof matcher === "string") tokens.fail(matcher, position);
    matchers.push(matcher);
    if (!tokens.takes(",") && !tokens.sees("}")) tokens.fail(", or } was expected");
  }
  return matchers;
}
