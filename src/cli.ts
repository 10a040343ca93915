#!/usr/bin/env node
import { IntegrationError } from "./core/index.ts";

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
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`);
  return ["Usage: enhanced-integration <command> [options]", "", ...lines, "", "  <command> --help says more."].join(
    "\n",
  );
}

async function main(name: string | undefined, args: string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "help") {
    console.log(help());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name as keyof typeof commands] : undefined;
  if (!command) {
    console.error(`enhanced-integration: there is no command "${name}"\n\n${help()}`);
    return 2;
  }
  return (await command.load()).run(args);
}

/** What a person can mend is told in words, without a stack trace. */
function tell(error: unknown): void {
  const known = IntegrationError.isInstance(error) || (error instanceof Error && "code" in error);
  console.error(known ? `enhanced-integration: ${(error as Error).message}` : error);
}

try {
  process.exitCode = await main(process.argv[2], process.argv.slice(3));
} catch (error) {
  tell(error);
  process.exitCode = 1;
}
