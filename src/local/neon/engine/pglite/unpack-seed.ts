import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { parseTar } from "nanotar";

/**
 * Unpacks a dump into a folder without PGlite: letting it do so takes a second instance, with its memory and its time.
 * Made beside and renamed, so that a crash half way leaves nothing that looks like a database.
 */
export async function unpackSeed(tar: Uint8Array<ArrayBuffer>, folder: string): Promise<void> {
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  for (const { name, type, data } of parseTar(tar)) {
    const path = join(draft, normalize(`/${name}`));
    await mkdir(type === "directory" ? path : dirname(path), { recursive: true });
    if (type === "file") await writeFile(path, data ?? new Uint8Array());
  }
  await rename(draft, folder);
}
