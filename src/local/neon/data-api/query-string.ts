import { PgrstFault, unreadable, unsupported } from "./pgrst-fault.ts";
import { columnSql, quoteName, splitList, unquote } from "./split.ts";

/** The columns of `select=`, for a `select` of SQL. */
export function selectSql(query: URLSearchParams, relation: string): string {
  const text = query.get("select") ?? "*";
  const parts = splitList(text).map((part) => selectItem(part.trim(), relation));
  return parts.length === 0 ? `${relation}.*` : parts.join(", ");
}

/** `*`, `name`, `alias:name`, `name::text`, `alias:data->key::int` */
function selectItem(part: string, relation: string): string {
  if (part === "*") return `${relation}.*`;
  if (/[()]/.test(part)) throw unsupported(`embedded tables and aggregates (${part}); join in SQL or a function`);
  const [, alias, source = "", cast] = /^(?:([^:]+):(?!:))?([^:]+)(?:::([a-z_][\w ]*(?:\[\])?))?$/i.exec(part) ?? [];
  if (source === "") throw unreadable(`select parameter (${part})`);
  const { sql, name } = columnSql(source, relation);
  return `${sql}${cast === undefined ? "" : `::${cast}`} as ${quoteName(unquote(alias ?? name))}`;
}

/** `order=price.desc.nullslast,title` */
export function orderSql(query: URLSearchParams, relation: string): string {
  const parts = splitList(query.get("order") ?? "").map((part) => {
    const [, column = "", direction = "asc", nulls] =
      /^(.+?)(?:\.(asc|desc))?(?:\.(nullsfirst|nullslast))?$/.exec(part.trim()) ?? [];
    const place = nulls === undefined ? "" : nulls === "nullsfirst" ? " nulls first" : " nulls last";
    return `${columnSql(column, relation).sql} ${direction}${place}`;
  });
  return parts.length === 0 ? "" : ` order by ${parts.join(", ")}`;
}

export interface Window {
  readonly offset: number;
  readonly limit: number | undefined;
}

/** `limit` and `offset`, or the header `Range: 0-9`. */
export function readWindow(query: URLSearchParams, headers: Headers): Window {
  const [, first, last] = /^(\d+)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
  const start = first === undefined ? 0 : Number(first);
  const end = last ? Number(last) : undefined;
  if (end !== undefined && end < start)
    throw new PgrstFault(416, "PGRST103", "Requested range not satisfiable", {
      details: "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
    });
  return {
    offset: whole(query, "offset") ?? start,
    limit: whole(query, "limit") ?? (end === undefined ? undefined : end - start + 1),
  };
}

function whole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw unreadable(`${name} parameter (${text})`);
  return Number(text);
}

export interface Preferences {
  readonly returns: "minimal" | "headers-only" | "representation";
  readonly counts: boolean;
  readonly resolution: "merge-duplicates" | "ignore-duplicates" | undefined;
  readonly missingAsDefault: boolean;
}

/** RFC 7240's `Prefer`; what is unknown there is ignored, as the RFC says. */
export function readPreferences(headers: Headers): Preferences {
  const prefer = (headers.get("prefer") ?? "").split(",").map((each) => each.trim());
  const value = (name: string) => prefer.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const returns = value("return");
  const resolution = value("resolution");
  return {
    returns: returns === "representation" || returns === "headers-only" ? returns : "minimal",
    // Planned and estimated counts are exact here: the tables are small.
    counts: ["exact", "planned", "estimated"].includes(value("count") ?? ""),
    resolution: resolution === "merge-duplicates" || resolution === "ignore-duplicates" ? resolution : undefined,
    missingAsDefault: value("missing") === "default",
  };
}

export interface Shape {
  readonly isSingle: boolean;
  readonly stripsNulls: boolean;
}

/** @throws PgrstFault PGRST107 for a format that is not served here */
export function readShape(headers: Headers): Shape {
  const accept = headers.get("accept") ?? "*/*";
  if (/vnd\.pgrst\.plan|text\/csv|geo\+json/.test(accept))
    throw new PgrstFault(406, "PGRST107", `None of these media types are available: ${accept}`);
  return { isSingle: accept.includes("vnd.pgrst.object"), stripsNulls: accept.includes("nulls=stripped") };
}
