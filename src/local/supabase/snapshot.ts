import { open, readFile, rename } from "node:fs/promises";

/**
 * State on disk as one JSON file, written whole to a neighbour and renamed: after a crash the file holds the old state
 * or the new one, never half of either. Without a file it does nothing.
 */
export class Snapshot<T> {
  readonly #file: string | undefined;
  readonly #take: () => T;
  #writing: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  /** @param take gives the state to write, at the moment of writing */
  constructor(file: string | undefined, take: () => T) {
    this.#file = file;
    this.#take = take;
  }

  /** @returns undefined if there is nothing to read yet */
  static async load<T>(file: string | undefined): Promise<T | undefined> {
    if (file === undefined) return undefined;
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new Error(`${file} is not the stand-in's state any more; delete it to start afresh`, { cause });
    }
  }

  /** Resolves once the state of now is on disk. Calls that wait for the same write share it. */
  save(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return Promise.resolve();
    this.#queued ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined;
        return (this.#writing = writeAtomically(file, JSON.stringify(this.#take())));
      });
    return this.#queued;
  }
}

/** Readable by its owner only: the files hold keys, password hashes and people's documents. */
export async function writeAtomically(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.tmp`;
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
