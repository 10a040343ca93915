import { type Preferences, type Shape, type Window } from "./query-string.ts";
import { PgrstFault } from "./pgrst-fault.ts";

/** What a statement gave: the rows as JSON text, how many, and how many there are in all. */
export interface Outcome {
  readonly body: string;
  readonly rows: number;
  readonly total: number | undefined;
}

/** The outer `select` over the rows of `_rows`, all in one. */
export function gatherSql(totalSql: string | undefined, { stripsNulls }: Shape): string {
  const rows = "coalesce(json_agg(to_json(_rows)), '[]')";
  const body = stripsNulls ? `json_strip_nulls(${rows})` : rows;
  return `select ${body}::text as body, count(*)::int as rows, ${totalSql ?? "null"}::int as total from _rows`;
}

/** @throws PgrstFault PGRST116 where one row was asked for and none or several came; PGRST103 beyond the end */
export function renderRows(
  { body, rows, total }: Outcome,
  { offset }: Window,
  { isSingle }: Shape,
  { status, isHead = false }: { readonly status?: number; readonly isHead?: boolean } = {},
): Response {
  if (isSingle && rows !== 1)
    throw new PgrstFault(406, "PGRST116", "Cannot coerce the result to a single JSON object", {
      details: `The result contains ${rows} rows`,
    });
  if (total !== undefined && offset > 0 && offset > total)
    throw new PgrstFault(416, "PGRST103", "Requested range not satisfiable", {
      details: `An offset of ${offset} was requested, but there are only ${total} rows.`,
    });
  const range = rows === 0 ? "*" : `${offset}-${offset + rows - 1}`;
  const isPart = total !== undefined && rows < total;
  const headers = {
    "content-type": isSingle ? "application/vnd.pgrst.object+json; charset=utf-8" : "application/json; charset=utf-8",
    "content-range": `${range}/${total ?? "*"}`,
  };
  // One row's text without the brackets of its list.
  const text = isSingle ? body.slice(1, -1) : body;
  return new Response(isHead ? null : text, { status: status ?? (isPart ? 206 : 200), headers });
}

/** The answer to a write that wants nothing back. */
export function renderMinimal(outcome: Outcome, { counts }: Preferences, status: 201 | 204): Response {
  return new Response(null, { status, headers: { "content-range": `*/${counts ? outcome.rows : "*"}` } });
}
