import { OptionCheck } from "../core/index.ts";

/** Refuses a host's options: all problems at once. */
export function refuseInvalidOptions(where: string, problems: readonly (string | false)[]): void {
  const check = new OptionCheck(where);
  for (const problem of problems) if (problem !== false) check.problem(problem);
  check.throwIfAny();
}
