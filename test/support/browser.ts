import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** A Chromium of the system's, or any other of its kin: nothing is downloaded. */
const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const VARIABLE = "CHROMIUM_PATH";

/**
 * Where the browser is: at `CHROMIUM_PATH`, or else on the `PATH`.
 * @throws Error that says what was looked for, and what to do
 */
export function findBrowser(env: NodeJS.ProcessEnv = process.env): string {
  const told = env[VARIABLE];
  if (told !== undefined && told !== "") {
    if (isProgram(told)) return told;
    throw new Error(`no browser: ${VARIABLE} is ${told}, and no program is there`);
  }
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const name of names) for (const folder of folders) if (isProgram(join(folder, name))) return join(folder, name);
  const wanted = `none of ${names.join(", ")} is on the PATH`;
  throw new Error(`no browser: ${wanted}; install one (apt-get install chromium) or set ${VARIABLE} to its file`);
}

/**
 * Whether browser tests can run. In CI, and where a browser was named, they must: there a missing one is a failure.
 * @throws Error when there is none
 */
export function hasBrowser(env: NodeJS.ProcessEnv = process.env): boolean {
  try {
    findBrowser(env);
    return true;
  } catch (error) {
    if (env["CI"] === "true" || env[VARIABLE]) throw error;
    console.warn(`\n!!! BROWSER TESTS ARE SKIPPED: ${(error as Error).message}\n`);
    return false;
  }
}

/** A fresh browser with a profile of its own. */
export function startBrowser(): Promise<Browser> {
  const args = ["quic", "background-networking", "component-update", "sync", "gpu"].map((name) => `--disable-${name}`);
  const executablePath = findBrowser();
  return chromium.launch({ executablePath, chromiumSandbox: false, args: [...args, "--no-first-run"] });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
