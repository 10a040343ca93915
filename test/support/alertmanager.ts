import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../bench/support/free-port.ts";

const PROGRAM = "prometheus-alertmanager";
const READY_WITHIN_MS = 30_000;

/** True where Alertmanager is installed (Debian: `apt-get install prometheus-alertmanager`). */
export const hasAlertmanager = spawnSync(PROGRAM, ["--version"]).status === 0;

export interface TestAlertmanager extends AsyncDisposable {
  readonly url: string;
}

/** A real Alertmanager on a free port, alone, whose only receiver is a webhook. */
export async function startAlertmanager(hook: string): Promise<TestAlertmanager> {
  const folder = mkdtempSync(join(tmpdir(), "alertmanager-"));
  const timing = { group_wait: "100ms", group_interval: "200ms", repeat_interval: "1h" };
  const config = {
    route: { receiver: "us", group_by: ["alertname"], ...timing },
    receivers: [{ name: "us", webhook_configs: [{ url: hook, send_resolved: true }] }],
  };
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const args = [`--config.file=${join(folder, "config.yml")}`, `--storage.path=${folder}`, "--cluster.listen-address="];
  const child = spawn(PROGRAM, [...args, `--web.listen-address=${address}`], { stdio: "ignore" });
  const close = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const url = `http://${address}`;
  for (let waitedMs = 0; !(await isReady(url)); waitedMs += 100) {
    if (waitedMs >= READY_WITHIN_MS || child.exitCode !== null) {
      await close();
      throw new Error(`${PROGRAM} was not ready within ${READY_WITHIN_MS} ms`);
    }
    await sleep(100);
  }
  return { url, [Symbol.asyncDispose]: close };
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}
