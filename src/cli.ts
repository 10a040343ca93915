#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError, UsageError } from "./cli/arguments.ts";
import { nodeProblem } from "./cli/node-version.ts";
import { ConfigError, IntegrationError, packageRoot } from "./core/index.ts";

/** One line each; the commands load what they need, so that `--help` is quick. */
const commands = {
  local: {
    summary: "run Neon, Supabase, TinyFish and Ollama on this machine, and print the environment that points at them",
    load: () => import("./cli/local.ts"),
  },
  doctor: {
    summary: "check the settings and every service, and say how to mend what is wrong",
    load: () => import("./cli/doctor.ts"),
  },
  migrate: { summary: "bring the database's schema up to date", load: () => import("./cli/migrate.ts") },
  provision: {
    summary: "bring the Neon project's branch and backups to what the settings say, or tell what would change",
    load: () => import("./cli/provision.ts"),
  },
  env: {
    summary: "print a .env file with every variable, its meaning and its default",
    load: () => import("./cli/env.ts"),
  },
  explain: {
    summary: "print each setting's value, where it came from and what it does; secrets are hidden",
    load: () => import("./cli/explain.ts"),
  },
} as const;

function help(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(9)} ${summary}`);
  return [
    "Usage: enhanced-integration <command> [options]",
    "",
    ...lines,
    "",
    "  <command> --help says more; --version prints the package's version.",
  ].join("\n");
}

function version(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}

/** @returns the exit code: 0 all well, 1 something is wrong, 2 the command line is */
async function main(name: string | undefined, args: readonly string[]): Promise<number> {
  if (name === "--help" || name === "-h" || name === "help") {
    console.log(help());
    return 0;
  }
  if (name === "--version" || name === "-v") {
    console.log(version());
    return 0;
  }
  if (name === undefined || !Object.hasOwn(commands, name)) {
    const problem = name === undefined ? "name a command" : `there is no command "${name}"`;
    console.error(`enhanced-integration: ${problem}\n\n${help()}`);
    return 2;
  }
  const problem = nodeProblem(process.versions.node);
  if (problem !== undefined) throw new CommandError(problem);
  const command = await commands[name as keyof typeof commands].load();
  return command.run(args);
}

/** Where settings come from, for who has none yet. */
const settingsHint = `
Each variable is explained by "enhanced-integration env", which prints a .env file to fill in. Without any account,
"enhanced-integration local > .env" runs all four services on this machine for as long as it goes on.`;

/** What a person can mend is told in words; only a fault of ours deserves a stack trace. */
function tell(error: unknown): void {
  const mendable =
    IntegrationError.isInstance(error) ||
    error instanceof CommandError ||
    error instanceof UsageError ||
    (error instanceof Error && "code" in error);
  console.error(mendable ? `enhanced-integration: ${(error as Error).message}` : error);
  if (error instanceof ConfigError) console.error(settingsHint);
}

try {
  process.exitCode = await main(process.argv[2], process.argv.slice(3));
} catch (error) {
  tell(error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
