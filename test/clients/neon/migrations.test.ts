import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrate, NeonClient, type SqlSession } from "../../../src/clients/neon/index.ts";
import { IntegrationError, packageRoot } from "../../../src/core/index.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { openPglite } from "./support/pglite.ts";

const directory = join(packageRoot(), "migrations");
const embeddingDimensions = 3;

describe("the shipped migrations", () => {
  let session: SqlSession;
  let close: () => Promise<void>;
  const one = async (text: string, values?: unknown[]) =>
    (await session.query(text, values)).rows[0] as Record<string, unknown>;

  beforeAll(async () => {
    ({ session, close } = await openPglite());
  });
  afterAll(() => close());

  it("shows with dryRun what it would apply, and changes nothing", async () => {
    const pending = await migrate(session, { directory, embeddingDimensions, dryRun: true });
    expect(pending.applied[0]).toBe("0001_extensions.sql");
    expect(pending.skipped).toEqual([]);
    expect(await one("select to_regclass('listings') as found")).toEqual({ found: null });
  });

  it("applies each file once and records the embedding's dimension", async () => {
    const first = await migrate(session, { directory, embeddingDimensions });
    const second = await migrate(session, { directory, embeddingDimensions });
    expect(second).toEqual({ applied: [], skipped: first.applied });
    expect(await one("select settings from enhanced_integration_migrations where name = 'listings'")).toEqual({
      settings: { embedding_dimensions: 3 },
    });
  });

  it("refuses another dimension and names the variable and the way out", async () => {
    await expect(migrate(session, { directory, embeddingDimensions: 512 })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/3 dimensions.*OLLAMA_EMBED_MODEL.*512.*migrate --reembed/s),
    });
  });

  it("gives every column a default except the named ones", async () => {
    await session.query("insert into user_workflows (user_id, name) values (gen_random_uuid(), 'search')");
    await session.query("insert into market_alerts (user_id) values (gen_random_uuid())");
    await session.query("insert into webhook_events (event_type) values ('listing.created')");
    await session.query("insert into scraping_sessions default values");
    expect(await one("select name, active, trigger_count, criteria from market_alerts")).toEqual({
      name: "Market alert",
      active: true,
      trigger_count: 0,
      criteria: {},
    });
  });

  it("searches listings by text, by a misspelt title and by vector", async () => {
    await session.query(
      `insert into listings (source, source_key, title, description, price, content_hash, embedding) values
         ('s', '1', 'Quiet garden flat', 'Two rooms near the park', 100, 'h1', '[1,0,0]'),
         ('s', '2', 'Loft downtown', 'Concrete and glass', 200, 'h2', '[0,1,0]')`,
    );
    expect(
      await one("select source_key from listings where search_text @@ websearch_to_tsquery('english', 'parks')"),
    ).toEqual({ source_key: "1" });
    expect(await one("select source_key from listings order by similarity(title, 'quite gardn') desc limit 1")).toEqual(
      { source_key: "1" },
    );
    expect(await one("select source_key from listings order by embedding <=> '[0,1,0.1]' limit 1")).toEqual({
      source_key: "2",
    });
    await expect(
      session.query(
        "insert into listings (source, source_key, title, description, price, content_hash) values ('s', '1', 't', 'd', 1, 'h')",
      ),
    ).rejects.toThrow(/listings_source_source_key_key/);
  });

  it("moves updated_at on every change of a user's row", async () => {
    const before = await one(
      "update user_workflows set updated_at = 'epoch' returning updated_at > '2000-01-01' as moved",
    );
    expect(before).toEqual({ moved: true });
  });

  it("with reembed, empties the embeddings and puts every listing into the queue again, once", async () => {
    const states = "select count(embedding)::int as embedded, count(embedding_hash)::int as hashed from listings";
    await session.query("update listings set embedding_hash = content_hash, embedding_model = 'old'");
    const before = await one(states);
    expect(before["embedded"]).toBeGreaterThan(0);

    const reembedded = { from: 3, to: 2 };
    const wanted = { directory, embeddingDimensions: 2, reembed: true };
    expect(await migrate(session, { ...wanted, dryRun: true })).toMatchObject({ reembedded });
    expect(await one(states)).toEqual(before);

    expect(await migrate(session, wanted)).toMatchObject({ applied: [], reembedded });
    expect(await one(states)).toEqual({ embedded: 0, hashed: 0 });

    await session.query("update listings set embedding = '[1,0]'");
    expect(await migrate(session, wanted)).not.toHaveProperty("reembedded");
    expect(await one(states)).toEqual({ embedded: before["embedded"], hashed: 0 });
    await expect(migrate(session, { directory, embeddingDimensions: 3 })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });
});

describe("the migration runner", () => {
  let session: SqlSession;
  let close: () => Promise<void>;
  let folder: string;
  beforeAll(async () => {
    ({ session, close } = await openPglite());
    folder = await mkdtemp(join(tmpdir(), "ei-migrations-"));
  });
  afterAll(async () => {
    await close();
    await rm(folder, { recursive: true });
  });

  it("refuses an applied file that was changed, and names it", async () => {
    await writeFile(join(folder, "0001_first.sql"), "create table first (id int);");
    await migrate(session, { directory: folder, embeddingDimensions });
    await writeFile(join(folder, "0001_first.sql"), "create table first (id bigint);");
    await expect(migrate(session, { directory: folder, embeddingDimensions })).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("0001_first.sql"),
    });
    await writeFile(join(folder, "0001_first.sql"), "create table first (id int);");
  });

  it("undoes a failing file as a whole, keeps those before it and says which failed", async () => {
    await writeFile(join(folder, "0002_good.sql"), "create table good (id int);");
    await writeFile(join(folder, "0003_bad.sql"), "create table half (id int); select no_such_column from good;");
    await expect(migrate(session, { directory: folder, embeddingDimensions })).rejects.toMatchObject({
      code: "QUERY_FAILED",
      sqlState: "42703",
      message: expect.stringContaining("0003_bad.sql failed"),
    });
    const { rows } = await session.query("select to_regclass('good') as good, to_regclass('half') as half");
    expect(rows[0]).toEqual({ good: "good", half: null });
    await rm(join(folder, "0003_bad.sql"));
  });

  it.each([
    ["commit", "create table half (id int); commit; select 1/0;"],
    ["begin", "begin; create table half (id int); commit;"],
    ["rollback", "create table half (id int); /* /* */ */ rollback"],
    ["end", "create function f() returns int begin atomic select 1; end; end;"],
  ])("refuses a file that begins or ends transactions itself, before any is applied: %s", async (word, text) => {
    await writeFile(join(folder, "0003_bad.sql"), text);
    for (const dryRun of [true, false])
      await expect(migrate(session, { directory: folder, embeddingDimensions, dryRun })).rejects.toMatchObject({
        code: "INVALID_INPUT",
        message: expect.stringContaining(`0003_bad.sql holds "${word}"`),
      });
    const { rows } = await session.query("select to_regclass('half') as half");
    expect(rows[0]).toEqual({ half: null });
    await rm(join(folder, "0003_bad.sql"));
  });

  it("takes times as numbers, an editor's mark, functions with bodies, and a dump's settings", async () => {
    const other = await mkdtemp(join(tmpdir(), "ei-migrations-"));
    // As an older version left it.
    await session.query("alter table enhanced_integration_migrations alter version type integer");
    const files = {
      "20261123081500_dumped.sql":
        "select pg_catalog.set_config('search_path', '', false); create table public.dumped (id int);",
      "20261123081501_marked.sql":
        "\ufeffcreate function one() returns int begin atomic; select 1; end; create table marked (id int);",
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(other, name), text);
    const first = await migrate(session, { directory: other, embeddingDimensions });
    expect(first.applied).toEqual(Object.keys(files));
    expect(await migrate(session, { directory: other, embeddingDimensions })).toMatchObject({ applied: [] });
    const { rows } = await session.query("select to_regclass('dumped') as dumped, to_regclass('marked') as marked");
    expect(rows[0]).toEqual({ dumped: "dumped", marked: "marked" });
    await rm(other, { recursive: true });
  });

  it("tells of applied files that are gone, and of a number that another file had", async () => {
    const other = await mkdtemp(join(tmpdir(), "ei-migrations-"));
    const warned: object[] = [];
    const quiet = () => undefined;
    const logger = { debug: quiet, info: quiet, error: quiet, warn: (fields: object) => void warned.push(fields) };
    await writeFile(join(other, "0003_third.sql"), "select 1");
    await migrate(session, { directory: other, embeddingDimensions, dryRun: true, logger });
    expect(warned).toEqual([{ versions: expect.arrayContaining([1, 2]) }]);
    await writeFile(join(other, "0001_mine.sql"), "select 1");
    await expect(migrate(session, { directory: other, embeddingDimensions })).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("number of first"),
    });
    await rm(other, { recursive: true });
  });

  it("refuses a folder that cannot be read, a wrong file name and a version used twice", async () => {
    await expect(migrate(session, { directory: "/nowhere", embeddingDimensions })).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
    const other = await mkdtemp(join(tmpdir(), "ei-migrations-"));
    await writeFile(join(other, "first.sql"), "select 1");
    await expect(migrate(session, { directory: other, embeddingDimensions })).rejects.toThrow(
      /first\.sql is not named like/,
    );
    await rm(join(other, "first.sql"));
    await writeFile(join(other, "0001_a.sql"), "select 1");
    await writeFile(join(other, "1_b.sql"), "select 1");
    await expect(migrate(session, { directory: other, embeddingDimensions })).rejects.toThrow(
      /version 1 is used by two files/,
    );
    await rm(other, { recursive: true });
  });

  it("names a required extension that the server lacks", async () => {
    const other = await mkdtemp(join(tmpdir(), "ei-migrations-"));
    await cp(join(directory, "0001_extensions.sql"), join(other, "0009_extensions.sql"));
    const text = await readFile(join(other, "0009_extensions.sql"), "utf8");
    await writeFile(join(other, "0009_extensions.sql"), text.replace("exists vector", "exists no_such_extension"));
    await expect(migrate(session, { directory: other, embeddingDimensions })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining('the PostgreSQL extension "no_such_extension"'),
    });
    await rm(other, { recursive: true });
  });

  it("leaves an auth.uid() alone that was there before", async () => {
    const { session: supabase, close: closeSupabase } = await openPglite();
    await supabase.query(
      "create schema auth; create function auth.uid() returns uuid language sql as $$ select '00000000-0000-0000-0000-000000000001'::uuid $$",
    );
    await migrate(supabase, { directory, embeddingDimensions });
    const { rows } = await supabase.query("select auth.uid() as uid, auth.role() as role");
    expect(rows[0]).toEqual({ uid: "00000000-0000-0000-0000-000000000001", role: null });
    await closeSupabase();
  });
});

it("a model's server that is away is asked once, told of, and no fault of the database", async () => {
  const runner = createPipeline();
  let asked = 0;
  const neon = new NeonClient({
    connectionString: "postgresql://user@127.0.0.1:1/db",
    runner,
    embeddingDimensions: async () => {
      asked += 1;
      throw new IntegrationError({ code: "NETWORK", message: "no server at http://model", service: "ollama" });
    },
  });
  await expect(neon.migrate()).rejects.toMatchObject({
    code: "NETWORK",
    service: "ollama",
    message: "migrations need to know how long the embedding model's vectors are: no server at http://model",
  });
  expect(asked).toBe(1);
  expect(runner.breakers()).toEqual([]);
  await neon.close();
});
