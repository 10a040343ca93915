import { parseArgs, type ParseArgsConfig } from "node:util";

/** The command line was written wrongly: exit code 2, with how it is meant. */
export class UsageError extends Error {
  constructor(problem: string, usage: string) {
    super(`${problem}\n${usage.split("\n", 1)[0]}`);
  }
}

/** Something else that a person can mend: exit code 1, one line. */
export class CommandError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>["values"];

/**
 * Reads a command's options; `--help` prints the usage.
 *
 * @returns undefined if help was asked for, and given
 * @throws UsageError
 */
export function readArguments<const O extends Options>(
  args: readonly string[],
  usage: string,
  options: O,
  { positionals: allowPositionals = false } = {},
): { readonly values: Values<O>; readonly positionals: readonly string[] } | undefined {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(usage);
    return undefined;
  }
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals });
    return { values, positionals };
  } catch (error) {
    // The first sentence; the rest explains how dashes are escaped.
    const [problem = ""] = (error as Error).message.split(/\.\s|\n/);
    throw new UsageError(problem.replace(/\.$/, ""), usage);
  }
}
