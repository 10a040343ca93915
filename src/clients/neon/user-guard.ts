import { IntegrationError } from "../../core/index.ts";
import { type Statement } from "./sql.ts";
import { statementFacts } from "./statement-facts.ts";

/** What makes a transaction the user's: the role, and the claims that policies read. */
const own = String.raw`(?:role|session_authorization|request\.jwt\b[\w.]*)`;
const command = new RegExp(
  String.raw`^[\s;]*(?:(?:set|reset)\s+(?:local\s+|session\s+)?(?:${own}|session\s+authorization)|discard)\b`,
  "i",
);
const setting = new RegExp(`^${own}$`, "i");
const calls = /\bset_config\b/gi;
/** Of those calls the ones whose setting can be read: in them it is a literal. */
const namedCalls = /\bset_config"?\s*\(\s*'([^']*)'/gi;

/**
 * Refuses what would make a user's transaction somebody else's. A mistake is found so, and a query builder's text; it is
 * no wall against a text that a user wrote, which may hide the same in a DO block or a function of its own.
 *
 * @throws IntegrationError FORBIDDEN
 */
export function refuseUserChange({ text }: Statement): void {
  if (command.test(statementFacts(text).bare)) throw forbidden();
  const made = text.match(calls);
  if (!made) return;
  const named = [...text.matchAll(namedCalls)].map(([, name]) => name!);
  if (named.length < made.length || named.some((name) => setting.test(name))) throw forbidden();
}

function forbidden(): IntegrationError {
  return new IntegrationError({
    code: "FORBIDDEN",
    message:
      "inside asUser role and claims hold to its end: no SET ROLE, RESET ROLE or SET SESSION AUTHORIZATION, and set_config only for other settings, named by a literal",
    service: "neon",
    operation: "transaction",
  });
}
