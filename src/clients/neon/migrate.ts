import { IntegrationError, type Logger, silentLogger } from "../../core/index.ts";
import { toNeonError } from "./errors.ts";
import { controlAmong } from "./transaction-control.ts";
import { type MigrationFile, readMigrationFiles } from "./migration-files.ts";

/** One session of a database. A text without `values` may hold several statements. */
export interface SqlSession {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

export interface MigrateOptions {
  readonly directory: string;
  /** Fills `{{embedding_dimensions}}`; fixed by the first migration that uses it. 1 to 2000 (pgvector's index limit). */
  readonly embeddingDimensions: number;
  /** Reports what would be applied and changes nothing. @defaultValue false */
  readonly dryRun?: boolean | undefined;
  /**
   * Where `embeddingDimensions` is not what the first migration recorded: empties the embedding column and gives it that
   * length, instead of refusing. `listings.embedPending()`, and every scrape, then embed all listings anew. @defaultValue false
   */
  readonly reembed?: boolean | undefined;
  readonly logger?: Logger | undefined;
}

export interface MigrateResult {
  /** File names, in order; with `dryRun` those that would be applied. */
  readonly applied: readonly string[];
  /** File names that were applied before. */
  readonly skipped: readonly string[];
  /** Set where `reembed` emptied the embedding column, or would: the lengths of its vectors before and after. */
  readonly reembedded?: { readonly from: number; readonly to: number };
}

interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  readonly settings: { readonly embedding_dimensions?: number };
}

/** Serialises migrators of one database; bound to a transaction, so that it also holds behind a pooler. */
const LOCK = "select pg_advisory_xact_lock(hashtext('enhanced_integration_migrations'))";
const PLACEHOLDER = "{{embedding_dimensions}}";
const MAX_DIMENSIONS = 2000;
/** A file's settings are its own: those of a dump would hide our table from us, and the next file's tables from it. */
const FORGET_SETTINGS = "reset session authorization; reset role; reset all";

/**
 * Brings a database up to date: each file once, in order, in a transaction of its own. Any number of processes may
 * start at the same time.
 *
 * @throws IntegrationError INVALID_INPUT for a file out of form, or one that begins or ends transactions itself, CONFLICT
 * when an applied file was changed, CONFIG_INVALID for another embedding dimension than
 * the recorded one (unless `reembed`) or a missing required extension, or what the database said about a file
 */
export async function migrate(session: SqlSession, options: MigrateOptions): Promise<MigrateResult> {
  const { directory, embeddingDimensions, dryRun = false, reembed = false, logger = silentLogger } = options;
  if (!Number.isInteger(embeddingDimensions) || embeddingDimensions < 1 || embeddingDimensions > MAX_DIMENSIONS)
    throw failed(
      "INVALID_INPUT",
      `embeddingDimensions must be a whole number from 1 to ${MAX_DIMENSIONS}, got ${embeddingDimensions}`,
    );
  const files = await readMigrationFiles(directory);
  const known = dryRun ? await readApplied(session) : await inTransaction(session, () => createTable(session));
  const from = reembed ? recordedDimensions(known) : undefined;
  const reembedded = from !== undefined && from !== embeddingDimensions ? { from, to: embeddingDimensions } : undefined;
  for (const file of files) verify(file, known.get(file.version), reembedded?.from ?? embeddingDimensions);
  if (reembedded && !dryRun) await inTransaction(session, () => resizeEmbeddings(session, embeddingDimensions));
  for (const file of files) if (!known.has(file.version)) refuseControl(file);
  const unknown = [...known.keys()].filter((version) => !files.some((file) => file.version === version));
  if (unknown.length > 0)
    logger.warn({ versions: unknown }, `the database has migrations that are not (any more) in ${directory}`);

  const applied: string[] = [];
  const skipped: string[] = [];
  for (const file of files) {
    const isNew = dryRun ? !known.has(file.version) : await apply(session, file, embeddingDimensions);
    (isNew ? applied : skipped).push(file.file);
    if (isNew) logger.info({ migration: file.file, dryRun }, dryRun ? "migration pending" : "migration applied");
  }
  return { applied, skipped, ...(reembedded && { reembedded }) };
}

async function createTable(session: SqlSession): Promise<Map<number, AppliedMigration>> {
  await session.query(`create table if not exists enhanced_integration_migrations (
    version bigint primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now(),
    settings jsonb not null default '{}'
  )`);
  // As it once was: too small for a version that is a time, like 20261123081500.
  const { rows } = await session.query(
    "select 1 from pg_attribute where attrelid = to_regclass('enhanced_integration_migrations') and attname = 'version' and atttypid = 'int4'::regtype",
  );
  if (rows.length > 0)
    await session.query("alter table enhanced_integration_migrations alter column version type bigint");
  return readApplied(session);
}

const recordedDimensions = (known: ReadonlyMap<number, AppliedMigration>): number | undefined =>
  [...known.values()].find(({ settings }) => settings.embedding_dimensions !== undefined)?.settings
    .embedding_dimensions;

/** The old vectors say nothing in the new model's space: they go, and every listing is in the embedding queue again. */
async function resizeEmbeddings(session: SqlSession, dimensions: number): Promise<void> {
  // Another process may have been faster: what it has embedded since stays.
  if (recordedDimensions(await readApplied(session)) === dimensions) return;
  await session.query(`alter table listings alter column embedding type vector(${dimensions}) using null`);
  await session.query(
    "update listings set embedding_hash = null, embedding_model = null where embedding_hash is not null",
  );
  await session.query(
    "update enhanced_integration_migrations set settings = jsonb_set(settings, '{embedding_dimensions}', $1::jsonb) where settings ? 'embedding_dimensions'",
    [String(dimensions)],
  );
}

async function readApplied(session: SqlSession): Promise<Map<number, AppliedMigration>> {
  const exists = await session.query("select to_regclass('enhanced_integration_migrations') is not null as yes");
  if (!(exists.rows[0] as { yes: boolean }).yes) return new Map();
  const { rows } = await session.query("select version, name, checksum, settings from enhanced_integration_migrations");
  return new Map((rows as AppliedMigration[]).map((row) => [Number(row.version), row]));
}

/** @returns false if another process was faster, or an earlier run did it */
async function apply(session: SqlSession, file: MigrationFile, dimensions: number): Promise<boolean> {
  return inTransaction(session, async () => {
    const found = await session.query(
      "select version, name, checksum, settings from enhanced_integration_migrations where version = $1",
      [file.version],
    );
    if (found.rows.length > 0) {
      verify(file, found.rows[0] as AppliedMigration, dimensions);
      return false;
    }
    await session.query(file.text.replaceAll(PLACEHOLDER, String(dimensions))).catch((thrown: unknown) => {
      throw explain(thrown, file);
    });
    await session.query(FORGET_SETTINGS);
    const settings = file.text.includes(PLACEHOLDER) ? { embedding_dimensions: dimensions } : {};
    await session.query(
      "insert into enhanced_integration_migrations (version, name, checksum, settings) values ($1, $2, $3, $4)",
      [file.version, file.name, file.checksum, JSON.stringify(settings)],
    );
    return true;
  });
}

async function inTransaction<T>(session: SqlSession, work: () => Promise<T>): Promise<T> {
  // Waiting for another migrator may take longer than any statement should.
  await session.query("begin; set local statement_timeout = 0");
  try {
    await session.query(LOCK);
    const result = await work();
    await session.query("commit");
    return result;
  } catch (thrown) {
    await session.query("rollback").catch(() => undefined);
    throw thrown;
  }
}

/** A COMMIT would give back the lock, and leave half a file behind when the other half fails. */
function refuseControl({ file, text }: MigrationFile): void {
  const control = controlAmong(text);
  if (control !== undefined)
    throw failed(
      "INVALID_INPUT",
      `${file} holds "${control.slice(0, 40)}", but each migration runs in a transaction of its own: take it out`,
    );
}

function verify(file: MigrationFile, applied: AppliedMigration | undefined, dimensions: number): void {
  if (!applied) return;
  if (applied.checksum !== file.checksum)
    throw failed(
      "CONFLICT",
      applied.name === file.name
        ? `${file.file} was changed after it had been applied; restore it, and put the change into a new migration`
        : `${file.file} has the number of ${applied.name}, which was applied to this database before; give it another`,
    );
  const recorded = applied.settings.embedding_dimensions;
  if (recorded !== undefined && recorded !== dimensions)
    throw failed(
      "CONFIG_INVALID",
      `the embedding column holds ${recorded} dimensions, the model of OLLAMA_EMBED_MODEL has ${dimensions}; ` +
        `go back to a model with ${recorded}, or embed all listings anew: \`enhanced-integration migrate --reembed\` ` +
        "(neon.migrate({ reembed: true })) empties the column, listings.embedPending() fills it",
    );
}

/** A missing extension is the usual reason; the server's words about it do not say what to do. */
function explain(thrown: unknown, file: MigrationFile): IntegrationError {
  const error = toNeonError(thrown, { operation: "migrate", phase: "query", repeatable: true, rolledBack: true });
  const extension = /extension "(\w+)" is not available|extension control file .*?(\w+)\.control/.exec(error.message);
  const message = extension
    ? `${file.file} needs the PostgreSQL extension "${extension[1] ?? extension[2]}", which this server does not have; install it there, or use a database that has it (Neon does)`
    : `${file.file} failed: ${error.message}`;
  const { verdict, sqlState, notSent } = error;
  const code = extension ? "CONFIG_INVALID" : error.code;
  return new IntegrationError({
    code,
    verdict,
    message,
    sqlState,
    notSent,
    service: "neon",
    operation: "migrate",
    cause: error,
  });
}

function failed(code: "CONFLICT" | "CONFIG_INVALID" | "INVALID_INPUT", message: string): IntegrationError {
  return new IntegrationError({ code, message, service: "neon", operation: "migrate" });
}
