import { access, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PGlite, PGliteOptions } from "@electric-sql/pglite";
import { DATABASE, LOGIN_ROLE } from "../project.ts";
import { type PgliteStart, type WorkerSettings } from "./protocol.ts";
import { SeedCache } from "./seed.ts";
import { seededMemory } from "./seeded-memory.ts";
import { unpackSeed } from "./unpack-seed.ts";

export interface OpenedDatabase {
  readonly pglite: PGlite;
  readonly startedFrom: PgliteStart;
  /** What a person should know of the start. */
  readonly notes: readonly string[];
}

/** Of the extensions that Neon offers, those that PGlite can have; each costs tens of milliseconds at the start. */
async function loadExtensions() {
  const loaded = await Promise.all([
    import("@electric-sql/pglite-pgvector"),
    import("@electric-sql/pglite/contrib/pg_trgm"),
    import("@electric-sql/pglite/contrib/uuid_ossp"),
    import("@electric-sql/pglite/contrib/btree_gin"),
    import("@electric-sql/pglite/contrib/btree_gist"),
    import("@electric-sql/pglite/contrib/pgcrypto"),
    import("@electric-sql/pglite/contrib/cube"),
    import("@electric-sql/pglite/contrib/earthdistance"),
    import("@electric-sql/pglite/contrib/citext"),
    import("@electric-sql/pglite/contrib/unaccent"),
    import("@electric-sql/pglite/contrib/fuzzystrmatch"),
  ]);
  const [{ vector }, { pg_trgm }, { uuid_ossp }, { btree_gin }, { btree_gist }, { pgcrypto }, ...more] = loaded;
  const [{ cube }, { earthdistance }, { citext }, { unaccent }, { fuzzystrmatch }] = more;
  return {
    ...{ vector, pg_trgm, uuid_ossp, btree_gin, btree_gist, pgcrypto },
    ...{ cube, earthdistance, citext, unaccent, fuzzystrmatch },
  };
}

/** Opens the folder's database, or a fresh one. */
export async function openDatabase({ dataDir, cacheDir }: WorkerSettings): Promise<OpenedDatabase> {
  const { PGlite, MemoryFS } = await import("@electric-sql/pglite");
  const extensions = await loadExtensions();
  const versions = await Promise.all(["@electric-sql/pglite", "@electric-sql/pglite-pgvector"].map(versionOf));
  const seeds = new SeedCache(cacheDir, [...versions, ...Object.keys(extensions)]);
  const start = (options: PGliteOptions) => PGlite.create(options);
  // PGlite narrows the search path for its own use; a server's default is what clients expect.
  const startParams = PGlite.defaultStartParams.map((each) =>
    each.startsWith("search_path=") ? 'search_path="$user", public' : each,
  );
  const open = async (options: PGliteOptions) => {
    const pglite = await start({ extensions, database: DATABASE, startParams, ...options });
    trustExtensions(pglite);
    await pglite.exec(`SET SESSION AUTHORIZATION ${LOGIN_ROLE}`);
    return pglite;
  };

  const fresh = async <T>(
    use: (tar: Uint8Array<ArrayBuffer>) => Promise<T>,
  ): Promise<T & { startedFrom: PgliteStart }> => {
    const { tar, isNew } = await seeds.load(start, extensions);
    try {
      return { ...(await use(tar)), startedFrom: from(isNew) };
    } catch (error) {
      if (isNew) throw error;
      seeds.notes.push(`the cached database dump did not start and is made anew: ${(error as Error).message}`);
      await seeds.discard();
      return { ...(await use((await seeds.load(start, extensions)).tar)), startedFrom: from(true) };
    }
  };

  if (dataDir === undefined) {
    const inMemory = async (tar: Uint8Array<ArrayBuffer>) => ({
      pglite: await open({ fs: seededMemory(MemoryFS, tar) }),
    });
    return { ...(await fresh(inMemory)), notes: seeds.notes };
  }
  const folder = join(dataDir, "pgdata");
  const exists = await access(folder).then(
    () => true,
    () => false,
  );
  if (exists) return { pglite: await open({ dataDir: folder }), startedFrom: "data-dir", notes: seeds.notes };
  const onDisk = async (tar: Uint8Array<ArrayBuffer>) => {
    await unpackSeed(tar, folder);
    try {
      return { pglite: await open({ dataDir: folder }) };
    } catch (error) {
      // What unpacks and yet does not start must not stay behind as a database.
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  };
  await mkdir(dataDir, { recursive: true });
  return { ...(await fresh(onDisk)), notes: seeds.notes };
}

const from = (isNew: boolean): PgliteStart => (isNew ? "initdb" : "cached-dump");

/** The part of PGlite's file system that is needed here; its own types need a package that it does not bring. */
interface Files {
  readdir(folder: string): string[];
  readFile(file: string, options: { encoding: "utf8" }): string;
  writeFile(file: string, text: string): void;
}

/** On Neon the owner may create every extension on offer; PostgreSQL asks for a superuser unless the extension says otherwise. */
function trustExtensions(pglite: PGlite): void {
  const files = pglite.Module.FS as Files;
  const folder = "/pglite/share/postgresql/extension";
  for (const name of files.readdir(folder).filter((each) => each.endsWith(".control"))) {
    const text = files.readFile(`${folder}/${name}`, { encoding: "utf8" });
    if (!/^\s*trusted\s*=/m.test(text)) files.writeFile(`${folder}/${name}`, `${text}\ntrusted = true\n`);
  }
}

async function versionOf(packageName: string): Promise<string> {
  const manifest = new URL("../package.json", import.meta.resolve(packageName));
  return `${packageName}@${(JSON.parse(await readFile(manifest, "utf8")) as { version: string }).version}`;
}
