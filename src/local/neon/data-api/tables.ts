import { findRelation, type Relation, type Run, SCHEMA } from "./catalog.ts";
import { whereSql } from "./filters.ts";
import { PgrstFault, unsupported } from "./pgrst-fault.ts";
import { orderSql, readPreferences, readShape, readWindow, selectSql } from "./query-string.ts";
import { gatherSql, type Outcome, renderMinimal, renderRows } from "./render.ts";
import { Params, quoteName, splitList, unquote } from "./split.ts";

export interface TableRequest {
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly name: string;
  /** Looks into the catalog with the server's own rights. */
  readonly look: Run;
  /** Becomes the user; from then on, statements are held by row-level security. */
  readonly act: () => Promise<Run>;
}

type Row = Record<string, unknown>;
interface Statement {
  readonly text: string;
  readonly params: Params;
}
const qualified = (name: string) => `${quoteName(SCHEMA)}.${quoteName(name)}`;

/** GET, HEAD */
export async function readTable({ request, query, name, look, act }: TableRequest): Promise<Response> {
  const shape = readShape(request.headers);
  const { counts } = readPreferences(request.headers);
  const window = readWindow(query, request.headers);
  const { types } = await findRelation(look, name);
  const relation = quoteName(name);
  const params = new Params();
  const where = whereSql(query, { relation, types, params });
  const from = `from ${qualified(name)}${where}`;
  const limit = window.limit === undefined ? "" : ` limit ${window.limit}`;
  const page = `select ${selectSql(query, relation)} ${from}${orderSql(query, relation)}${limit} offset ${window.offset}`;
  const text = `with _rows as (${page}) ${gatherSql(counts ? `(select count(*) ${from})` : undefined, shape)}`;
  const run = await act();
  return renderRows(await outcomeOf(run, text, params), window, shape, { isHead: request.method === "HEAD" });
}

/** POST, PATCH, DELETE */
export async function writeTable(table: TableRequest): Promise<Response> {
  const { request, query, name, look, act } = table;
  const shape = readShape(request.headers);
  const preferences = readPreferences(request.headers);
  for (const clause of ["limit", "offset"]) if (query.has(clause)) throw unsupported(`"${clause}" in a write`);
  const found = await findRelation(look, name);
  const isInsert = request.method === "POST";
  const statements = isInsert
    ? await inserts(table, found)
    : [request.method === "PATCH" ? await update(table, found) : remove(table, found)];
  const returns = preferences.returns === "representation" || shape.isSingle;
  const run = await act();
  const outcomes: Outcome[] = [];
  for (const { text, params } of statements) {
    const rows = `_rows as (select ${returns ? selectSql(query, "_written") : ""} from _written)`;
    const returning = returns ? `${quoteName(name)}.*` : "1";
    const whole = `with _written as (${text} returning ${returning}), ${rows} ${gatherSql(undefined, shape)}`;
    outcomes.push(await outcomeOf(run, whole, params));
  }
  const outcome = joined(outcomes, preferences.counts);
  if (!returns) return renderMinimal(outcome, preferences, isInsert ? 201 : 204);
  return renderRows(outcome, { offset: 0, limit: undefined }, shape, { status: isInsert ? 201 : 200 });
}

async function inserts({ request, query }: TableRequest, relation: Relation): Promise<Statement[]> {
  const body = await readJson(request);
  const rows = (Array.isArray(body) ? body : [body]) as Row[];
  if (!rows.every(isRow)) throw new PgrstFault(400, "PGRST102", "Empty or invalid json");
  const { resolution, missingAsDefault } = readPreferences(request.headers);
  const named = query.has("columns") ? splitList(query.get("columns")!).map(unquote) : undefined;
  const keys = named ?? Object.keys(rows[0] ?? {});
  if (!named && rows.some((row) => Object.keys(row).length !== keys.length || keys.some((key) => !(key in row))))
    throw new PgrstFault(400, "PGRST102", "All object keys must match");
  assertColumns(relation, keys);
  const conflict = resolution === undefined ? "" : conflictSql(relation, keys, query, resolution);
  // A default cannot come out of a record: where rows may lack columns, each is a statement of its own.
  if (missingAsDefault)
    return rows.map((row) =>
      insert(
        relation,
        keys.filter((key) => key in row),
        [row],
        conflict,
      ),
    );
  return rows.length === 0 ? [] : [insert(relation, keys, rows, conflict)];
}

const isRow = (row: unknown) => typeof row === "object" && row !== null && !Array.isArray(row);

function insert({ name }: Relation, keys: readonly string[], rows: readonly Row[], conflict: string): Statement {
  const params = new Params();
  if (keys.length === 0) return { text: `insert into ${qualified(name)} default values${conflict}`, params };
  const columns = keys.map(quoteName).join(", ");
  const source = `json_populate_recordset(null::${qualified(name)}, ${params.add(JSON.stringify(rows))}::json)`;
  return { text: `insert into ${qualified(name)} (${columns}) select ${columns} from ${source}${conflict}`, params };
}

function conflictSql(relation: Relation, keys: readonly string[], query: URLSearchParams, resolution: string): string {
  const given = query.get("on_conflict");
  const target = given === null ? relation.primaryKey : splitList(given).map(unquote);
  assertColumns(relation, target);
  if (target.length === 0) return "";
  const place = ` on conflict (${target.map(quoteName).join(", ")})`;
  if (resolution === "ignore-duplicates") return `${place} do nothing`;
  return `${place} do update set ${keys.map((key) => `${quoteName(key)} = excluded.${quoteName(key)}`).join(", ")}`;
}

async function update({ request, query, name }: TableRequest, relation: Relation): Promise<Statement> {
  const params = new Params();
  const body = await readJson(request);
  if (!isRow(body)) throw new PgrstFault(400, "PGRST102", "Empty or invalid json");
  const keys = Object.keys(body as Row);
  assertColumns(relation, keys);
  const relationName = quoteName(name);
  const set = keys.map((key) => `${quoteName(key)} = _new.${quoteName(key)}`).join(", ");
  const source = `json_populate_record(null::${qualified(name)}, ${params.add(JSON.stringify(body))}::json) _new`;
  const where = whereSql(query, { relation: relationName, types: relation.types, params });
  // An update of nothing touches nothing.
  const first = quoteName([...relation.types.keys()][0]!);
  const text =
    keys.length === 0
      ? `update ${qualified(name)} set ${first} = ${relationName}.${first} from ${source} where false`
      : `update ${qualified(name)} set ${set} from ${source}${where}`;
  return { text, params };
}

function remove({ query, name }: TableRequest, { types }: Relation): Statement {
  const params = new Params();
  const where = whereSql(query, { relation: quoteName(name), types, params });
  return { text: `delete from ${qualified(name)}${where}`, params };
}

function assertColumns({ name, types }: Relation, columns: readonly string[]): void {
  const unknown = columns.find((column) => !types.has(column));
  if (unknown !== undefined)
    throw new PgrstFault(400, "PGRST204", `Could not find the '${unknown}' column of '${name}' in the schema cache`);
}

/** @throws PgrstFault PGRST102 */
export async function readJson(request: Request): Promise<unknown> {
  try {
    return JSON.parse(await request.text());
  } catch {
    throw new PgrstFault(400, "PGRST102", "Empty or invalid json");
  }
}

export async function outcomeOf(run: Run, text: string, { values }: Params): Promise<Outcome> {
  const [row] = await run<{ body: string; rows: number; total: number | null }>(text, values);
  return { body: row!.body, rows: row!.rows, total: row!.total ?? undefined };
}

function joined(outcomes: readonly Outcome[], counts: boolean): Outcome {
  const rows = outcomes.reduce((sum, each) => sum + each.rows, 0);
  const inner = outcomes.map(({ body }) => body.trim().slice(1, -1)).filter((text) => text !== "");
  return { body: `[${inner.join(",")}]`, rows, total: counts ? rows : undefined };
}
