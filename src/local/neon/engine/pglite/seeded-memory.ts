import { normalize } from "node:path/posix";
import type { MemoryFS } from "@electric-sql/pglite"; // types alone: nothing of it may load here
import { parseTar } from "nanotar";

/** Where PGlite looks for its database. */
const DATA_FOLDER = "/pglite/data";

/** The part of PGlite's file system that is needed here; its own types need a package that it does not bring. */
interface Files {
  mkdirTree(folder: string, mode: number): void;
  writeFile(file: string, bytes: Uint8Array, options: { mode: number; canOwn: boolean }): void;
}

/**
 * A file system in memory that begins with a dump. The files are pieces of the dump itself, which must not be used for
 * anything else: PGlite's own way (`loadDataDir`) copies every byte four times, a third of what a start costs.
 */
export function seededMemory(Memory: typeof MemoryFS, tar: Uint8Array): MemoryFS {
  class SeededMemory extends Memory {
    override async initialSyncFs(): Promise<void> {
      const files = this.pg!.Module.FS as Files;
      files.mkdirTree(DATA_FOLDER, 0o700);
      for (const { name, type, data } of parseTar(tar)) {
        const path = normalize(`${DATA_FOLDER}/${name}`).replace(/\/$/, "");
        if (type === "directory") files.mkdirTree(path, 0o700);
        else if (type === "file") files.writeFile(path, data ?? new Uint8Array(), { mode: 0o600, canOwn: true });
      }
    }
  }
  return new SeededMemory();
}
