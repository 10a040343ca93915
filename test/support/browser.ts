import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Debian's. CI installs it. */
const executablePath = "/usr/bin/chromium";

/**
 * Whether browser tests can run. In CI they must: there a missing browser is a failure.
 * @throws Error in CI, when there is no browser
 */
export function hasBrowser(): boolean {
  if (existsSync(executablePath)) return true;
  const message = `no browser at ${executablePath}: apt-get install chromium`;
  if (process.env["CI"] === "true") throw new Error(message);
  console.warn(`\n!!! BROWSER TESTS ARE SKIPPED: ${message}\n`);
  return false;
}

/** A fresh browser with a profile of its own. */
export function startBrowser(): Promise<Browser> {
  const args = ["quic", "background-networking", "component-update", "sync", "gpu"].map((name) => `--disable-${name}`);
  return chromium.launch({ executablePath, chromiumSandbox: false, args: [...args, "--no-first-run"] });
}
