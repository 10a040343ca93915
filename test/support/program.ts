import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Compiled code is kept from run to run; `vitest.config.ts` says where. */
const { NODE_COMPILE_CACHE } = process.env;
const compileCache = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };

/** What a test that failed left running must not take the processor from the others. */
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

export interface Ended {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program of ours that runs as a process of its own. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /**
   * Resolves once the output so far matches, with the pattern's named groups; rejects with all output if the program
   * ends before.
   */
  said(pattern: RegExp): Promise<Readonly<Record<string, string>>>;
}

export interface ProgramOptions {
  /** The whole environment, but for PATH and the cache of compiled code. @defaultValue empty */
  readonly env?: Readonly<Record<string, string>>;
  /** @defaultValue the package's root */
  readonly cwd?: string;
}

export function start(file: string, args: readonly string[], options: ProgramOptions = {}): Running {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, `file://${root}/`)), ...args], {
    cwd: options.cwd ?? root,
    env: { PATH: process.env["PATH"] ?? "", ...compileCache, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  const heard = (add: (text: string) => void) => (text: string) => {
    add(text);
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding("utf8").on(
    "data",
    heard((text) => (stdout += text)),
  );
  child.stderr.setEncoding("utf8").on(
    "data",
    heard((text) => (stderr += text)),
  );
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  const said = async (pattern: RegExp) => {
    const found = () => pattern.exec(stdout) ?? pattern.exec(stderr);
    const matches = () => found() !== null;
    if (matches()) return groups();
    let listener: () => void = () => undefined;
    const heardIt = new Promise<void>((resolve) => listeners.add((listener = () => void (matches() && resolve()))));
    const tooLate = ended.then(() => {
      throw new Error(`the program ended without saying ${String(pattern)}\n${stdout}\n${stderr}`);
    });
    await Promise.race([heardIt, tooLate]).finally(() => listeners.delete(listener));
    return groups();
    function groups(): Record<string, string> {
      return { ...found()?.groups };
    }
  };
  return { child, ended, said };
}

export function run(file: string, args: readonly string[], options?: ProgramOptions): Promise<Ended> {
  return start(file, args, options).ended;
}
