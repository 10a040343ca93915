import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { IntegrationError } from "../../core/index.ts";

/** One SQL file: `<version>_<name>.sql`. */
export interface MigrationFile {
  readonly version: number;
  readonly name: string;
  readonly file: string;
  /** Of the file as it is written, placeholders unfilled. */
  readonly checksum: string;
  readonly text: string;
}

/** @throws IntegrationError INVALID_INPUT for an unreadable folder, a file name out of form, or a version used twice */
export async function readMigrationFiles(directory: string): Promise<MigrationFile[]> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw invalid(`the migrations folder ${directory} cannot be read`, cause);
  });
  const files = await Promise.all(
    names.filter((name) => name.endsWith(".sql")).map((name) => readMigrationFile(directory, name)),
  );
  files.sort((a, b) => a.version - b.version);
  const twice = files.find((file, index) => files[index - 1]?.version === file.version);
  if (twice) throw invalid(`version ${twice.version} is used by two files in ${directory}; number ${twice.file} anew`);
  return files;
}

async function readMigrationFile(directory: string, file: string): Promise<MigrationFile> {
  const [, version, name] = /^(\d+)_([\w-]+)\.sql$/.exec(file) ?? [];
  if (version === undefined || name === undefined)
    throw invalid(`${file} is not named like a migration: <number>_<name>.sql, e.g. 0007_add_index.sql`);
  if (!Number.isSafeInteger(Number(version))) throw invalid(`${file} has a number beyond ${Number.MAX_SAFE_INTEGER}`);
  const text = (await readFile(join(directory, file), "utf8")).replace(/^\ufeff/, ""); // an editor's mark, no SQL
  // Line endings are git's business, not a change of the migration.
  const checksum = createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex");
  return { version: Number(version), name, file, checksum, text };
}

function invalid(message: string, cause?: unknown): IntegrationError {
  return new IntegrationError({ code: "INVALID_INPUT", message, service: "neon", operation: "migrate", cause });
}
