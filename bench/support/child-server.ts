import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A server in a process of its own, so that its work is not counted as ours. It prints where it is when it is ready. */
export class ChildServer implements AsyncDisposable {
  /** What it printed: its port, or its URL. */
  readonly address: string;
  readonly #process: ChildProcess;

  static async start(file: URL, ...args: string[]): Promise<ChildServer> {
    const child = spawn(process.execPath, [fileURLToPath(file), ...args], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(child, "exit").then(() => {
      throw new Error(`${file.pathname} ended before it was ready`);
    });
    const [line] = (await Promise.race([once(child.stdout, "data"), ended])) as [Buffer];
    ended.catch(() => undefined);
    return new ChildServer(line.toString().trim(), child);
  }

  private constructor(address: string, child: ChildProcess) {
    this.address = address;
    this.#process = child;
  }

  get port(): number {
    return Number(this.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}
