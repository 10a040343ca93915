import { IntegrationError } from "../core/index.ts";

/** Refuses a host's options: all problems at once. */
export function refuseInvalidOptions(where: string, problems: readonly (string | false)[]): void {
  const found = problems.filter((problem) => problem !== false);
  if (found.length > 0) throw new IntegrationError({ code: "INVALID_INPUT", message: `${where}: ${found.join("; ")}` });
}

/** A received value as a message may show it. */
export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}
