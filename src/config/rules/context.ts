import { type Report } from "../report.ts";
import { type Environment, type Values } from "../setting.ts";
import { type settings } from "../settings/index.ts";

/** What a rule over several settings looks at. Values are complete: a default stands in for a text that was refused. */
export interface RuleContext {
  readonly values: Values<typeof settings>;
  readonly environment: Environment;
  readonly report: Report;
  /** The host set the variable itself, through an alias or through a file; whether validly or not. */
  readonly isSet: (name: string) => boolean;
  readonly valueOf: (name: string) => unknown;
  /** Completes "set it to …". */
  readonly expects: (name: string) => string;
}
