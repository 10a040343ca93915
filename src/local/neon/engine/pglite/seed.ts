import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip, type ZlibOptions } from "node:zlib";
import type { PGlite, PGliteOptions } from "@electric-sql/pglite"; // types alone: nothing of it may load here
import { projectSql } from "../project.ts";

type Extensions = NonNullable<PGliteOptions["extensions"]>;
const unzip = promisify<Buffer, ZlibOptions, Buffer<ArrayBuffer>>(gunzip);
type Start = (options: PGliteOptions) => Promise<PGlite>;

/** The data folder of a fresh database as a tar file, and whether it had to be made. */
export interface Seed {
  readonly tar: Uint8Array<ArrayBuffer>;
  readonly isNew: boolean;
}

/** More than a dump has: it comes out in one piece, which need not be put together. */
const CHUNK_BYTES = 64 * 1024 * 1024;

/** Making a database takes seconds, loading one a fraction of it: it is made once per version and kept. */
export class SeedCache {
  readonly #folder: string | undefined;
  readonly #file: string;
  readonly notes: string[] = [];

  /** @param versions everything that a dump depends on, besides the SQL above */
  constructor(folder: string | undefined, versions: readonly string[]) {
    this.#folder = folder;
    const key = createHash("sha256")
      .update(JSON.stringify([versions, projectSql]))
      .digest("hex")
      .slice(0, 16);
    this.#file = join(folder ?? "", `pglite-${key}.tar.gz`);
  }

  async load(start: Start, extensions: Extensions): Promise<Seed> {
    const cached = await this.#read();
    if (cached) return { tar: cached, isNew: false };
    const tar = await makeSeed(start, extensions);
    await this.#write(tar);
    return { tar, isNew: true };
  }

  /** For a dump that unpacks, and yet does not start. */
  async discard(): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#file, { force: true });
  }

  async #read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#folder === undefined) return undefined;
    try {
      await assertOurs(this.#folder);
      return await unzip(await readFile(this.#file), { chunkSize: CHUNK_BYTES });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT")
        this.notes.push(`the cached database dump is not usable and is made anew: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Written beside and renamed: a reader finds a whole dump or none. A folder that cannot be written costs time only. */
  async #write(tar: Uint8Array): Promise<void> {
    if (this.#folder === undefined) return;
    const draft = `${this.#file}.${randomUUID()}`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await assertOurs(this.#folder);
      await writeFile(draft, await promisify(gzip)(tar, { level: 4 }), { mode: 0o600 });
      await rename(draft, this.#file);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      this.notes.push(`the database dump could not be kept for the next start: ${(error as Error).message}`);
    }
  }
}

/** A dump that another user of the machine could have put there is none that we load. */
async function assertOurs(folder: string): Promise<void> {
  const { uid } = await lstat(folder);
  const own = process.getuid?.();
  if (own !== undefined && uid !== own) throw new Error(`${folder} belongs to another user`);
}

async function makeSeed(start: Start, extensions: Extensions): Promise<Uint8Array<ArrayBuffer>> {
  const pglite = await start({ extensions });
  try {
    for (const statement of projectSql) await pglite.exec(statement);
    return new Uint8Array(await (await pglite.dumpDataDir("none")).arrayBuffer());
  } finally {
    await pglite.close();
  }
}
