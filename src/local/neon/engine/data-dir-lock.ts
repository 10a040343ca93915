import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { IntegrationError } from "../../../core/index.ts";

export interface DataDirLock {
  release(): Promise<void>;
}

interface Owner {
  readonly pid: number;
  /** Tells a process from an earlier one with the same id: in a container every process may be number 1. */
  readonly startedAt: number;
}

const self: Owner = { pid: process.pid, startedAt: Math.round(performance.timeOrigin) };

/**
 * Makes the folder ours alone: two databases over one folder would destroy it. What a dead process left is taken over.
 * @throws IntegrationError CONFLICT while another stand-in, here or in another process, has it open
 */
export async function lockDataDir(folder: string): Promise<DataDirLock> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "stand-in.lock");
  for (let attempt = 1; ; attempt++) {
    try {
      await writeFile(file, JSON.stringify(self), { flag: "wx" });
      return { release: () => rm(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const owner = await readOwner(file);
      if (attempt > 1 || (owner && isAlive(owner))) throw inUse(folder, owner);
      await rm(file, { force: true });
    }
  }
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    const { pid, startedAt } = JSON.parse(await readFile(file, "utf8")) as Partial<Owner>;
    return typeof pid === "number" && typeof startedAt === "number" ? { pid, startedAt } : undefined;
  } catch {
    return undefined; // half-written by a process that died, or gone by now
  }
}

function isAlive({ pid, startedAt }: Owner): boolean {
  if (pid === self.pid) return startedAt === self.startedAt;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function inUse(folder: string, owner: Owner | undefined): IntegrationError {
  const who = owner?.pid === self.pid ? "by this process" : `by process ${owner?.pid ?? "unknown"}`;
  return new IntegrationError({
    code: "CONFLICT",
    service: "neon",
    message: `the local Neon's data folder ${folder} is already open ${who}; close that stand-in, or choose another folder`,
  });
}
