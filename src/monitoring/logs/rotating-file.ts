import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { describeThrown, checkNumbers } from "../../core/index.ts";

export interface RotatingFileOptions {
  readonly path: string;
  /** Size that a file does not grow past (a single longer line apart); 1 kB to 100 GB. @defaultValue 100 MB */
  readonly maxBytes?: number | undefined;
  /** Files in all, the current one included; 1 to 1000. @defaultValue 10 */
  readonly maxFiles?: number | undefined;
  /** Takes the lines that could not be written, so that none is lost. @defaultValue the process's stderr */
  readonly fallback?: { write(line: string): unknown } | undefined;
}

const defaults = { maxBytes: 100 * 1024 * 1024, maxFiles: 10 };
const ranges = {
  maxBytes: { min: 1_024, max: 100 * 1024 ** 3, integer: true },
  maxFiles: { min: 1, max: 1_000, integer: true },
};

/**
 * A log file with rotation by size and count: `app.log` is current, `app.log.1` the one before, up to
 * `app.log.<maxFiles - 1>`. Writes are synchronous, so that the last line before a crash is there. The file is opened at
 * the first line. One process per file: two would rotate each other's.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  readonly #fallback: { write(line: string): unknown };
  #open: { readonly fd: number; size: number } | undefined;
  #failing = false;

  /** @throws IntegrationError INVALID_INPUT naming every option out of range */
  constructor(options: RotatingFileOptions) {
    const { maxBytes = defaults.maxBytes, maxFiles = defaults.maxFiles } = options;
    checkNumbers("RotatingFile", { maxBytes, maxFiles }, ranges);
    this.#path = options.path;
    this.#maxBytes = maxBytes;
    this.#maxFiles = maxFiles;
    this.#fallback = options.fallback ?? process.stderr;
  }

  /** Appends one line, its line end included. Never throws: on a full or read-only disk the line goes to the fallback. */
  write(line: string): void {
    try {
      this.#append(Buffer.from(line));
      this.#failing = false;
    } catch (error) {
      this.close();
      if (!this.#failing) this.#fallback.write(this.#notice(error));
      this.#failing = true;
      this.#fallback.write(line);
    }
  }

  /** Closes the file. Writing again opens it again. */
  close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open) closeSync(open.fd);
  }

  #append(bytes: Buffer): void {
    let file = (this.#open ??= this.#openFile());
    if (file.size > 0 && file.size + bytes.length > this.#maxBytes) {
      this.close();
      this.#rotate();
      file = this.#open = this.#openFile();
    }
    for (let written = 0; written < bytes.length;) written += writeSync(file.fd, bytes, written);
    file.size += bytes.length;
  }

  #openFile(): { fd: number; size: number } {
    mkdirSync(dirname(this.#path), { recursive: true });
    // Readable by the owner alone: logs tell more than they should know.
    const fd = openSync(this.#path, "a", 0o600);
    return { fd, size: fstatSync(fd).size };
  }

  #rotate(): void {
    const nameOf = (index: number) => (index === 0 ? this.#path : `${this.#path}.${index}`);
    rmSync(nameOf(this.#maxFiles - 1), { force: true });
    for (let index = this.#maxFiles - 2; index >= 0; index -= 1) {
      try {
        renameSync(nameOf(index), nameOf(index + 1));
      } catch (error) {
        // A gap in the numbers is no fault: somebody tidied up.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }

  #notice(error: unknown): string {
    const msg = `the log file ${this.#path} cannot be written (${describeThrown(error)}); its lines go to stderr until it can`;
    return `${JSON.stringify({ level: "error", msg })}\n`;
  }
}
