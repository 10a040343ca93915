import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "../snapshot.ts";

/** The objects' bytes, by an id of ours; a path that a user chose never names a file. */
export interface Blobs {
  put(id: string, bytes: Uint8Array): Promise<void>;
  get(id: string): Promise<Uint8Array | undefined>;
  delete(id: string): Promise<void>;
}

export class MemoryBlobs implements Blobs {
  readonly #bytes = new Map<string, Uint8Array>();

  async put(id: string, bytes: Uint8Array): Promise<void> {
    this.#bytes.set(id, bytes);
  }

  async get(id: string): Promise<Uint8Array | undefined> {
    return this.#bytes.get(id);
  }

  async delete(id: string): Promise<void> {
    this.#bytes.delete(id);
  }
}

export class FolderBlobs implements Blobs {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the folder and drops what no row names: a crash came between the bytes and the row. */
  static async open(folder: string, known: ReadonlySet<string>): Promise<FolderBlobs> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) if (!known.has(name)) await rm(join(folder, name));
    return new FolderBlobs(folder);
  }

  put(id: string, bytes: Uint8Array): Promise<void> {
    return writeAtomically(join(this.#folder, id), bytes);
  }

  get(id: string): Promise<Uint8Array | undefined> {
    return readFile(join(this.#folder, id)).catch(() => undefined);
  }

  async delete(id: string): Promise<void> {
    await rm(join(this.#folder, id), { force: true });
  }
}
