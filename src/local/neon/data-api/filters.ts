import { unreadable, unsupported } from "./pgrst-fault.ts";
import { columnSql, type Params, splitList, unquote } from "./split.ts";

/** What conditions are built against. */
export interface FilterScope {
  /** How the rows' relation is called in the statement, quoted. */
  readonly relation: string;
  /** Type names by column, to tell text from tsvector. */
  readonly types: ReadonlyMap<string, string>;
  readonly params: Params;
}

const comparisons: Readonly<Record<string, string>> = {
  ...{ eq: "=", neq: "<>", gt: ">", gte: ">=", lt: "<", lte: "<=", like: "like", ilike: "ilike" },
  ...{ match: "~", imatch: "~*", isdistinct: "is distinct from", cs: "@>", cd: "<@", ov: "&&" },
  ...{ sl: "<<", sr: ">>", nxr: "&<", nxl: "&>", adj: "-|-" },
};
const textSearches: Readonly<Record<string, string>> = {
  fts: "to_tsquery",
  plfts: "plainto_tsquery",
  phfts: "phraseto_tsquery",
  wfts: "websearch_to_tsquery",
};
const states = new Set(["null", "not_null", "true", "false", "unknown"]);
/** Query parameters that are no filters. */
const reserved = new Set(["select", "order", "limit", "offset", "columns", "on_conflict"]);

/** The `where` of a query string, or nothing. */
export function whereSql(query: URLSearchParams, scope: FilterScope): string {
  const conditions = [...query]
    .filter(([name]) => !reserved.has(name))
    .map(([name, value]) => condition(name, value, scope));
  return conditions.length === 0 ? "" : ` where ${conditions.join(" and ")}`;
}

function condition(name: string, value: string, scope: FilterScope): string {
  const logic = /^(not\.)?(and|or)$/.exec(name);
  return logic ? tree(`${name}${value}`, scope) : filter(name, value, scope);
}

/** `or(a.eq.1,not.and(b.is.null,c.gt.2))` */
function tree(text: string, scope: FilterScope): string {
  const [, negated, operator, inner] = /^(not\.)?(and|or)\((.*)\)$/s.exec(text) ?? [];
  if (operator !== undefined) {
    const parts = splitList(inner!).map((part) => tree(part.trim(), scope));
    if (parts.length === 0) throw unreadable(`logic tree (${text})`);
    return `${negated ? "not " : ""}(${parts.join(` ${operator} `)})`;
  }
  const [, column, rest] = /^("(?:[^"\\]|\\.)*"[^.]*|[^.]+)\.(.+)$/s.exec(text) ?? [];
  if (column === undefined) throw unreadable(`logic tree (${text})`);
  return filter(column, rest!, scope, { inTree: true });
}

/** `column=not.eq.5` */
function filter(name: string, text: string, scope: FilterScope, { inTree = false } = {}): string {
  const [, negated, operator, modifier, operand] = /^(not\.)?([a-z]+)(?:\(([\w]+)\))?\.(.*)$/s.exec(text) ?? [];
  if (operator === undefined) throw unreadable(`filter (${text})`);
  const { sql: column, column: columnName } = columnSql(name, scope.relation);
  const value = inTree ? unquote(operand!) : operand!;
  const test = testSql(
    { operator, modifier, value, column, isVector: scope.types.get(columnName) === "tsvector" },
    scope,
  );
  return negated ? `not (${test})` : test;
}

interface Test {
  readonly operator: string;
  readonly modifier: string | undefined;
  readonly value: string;
  readonly column: string;
  readonly isVector: boolean;
}

function testSql({ operator, modifier, value, column, isVector }: Test, { params }: FilterScope): string {
  if (operator === "is") {
    if (!states.has(value.toLowerCase())) throw unreadable(`filter (is.${value})`);
    return `${column} is ${value.toLowerCase().replace("_", " ")}`;
  }
  if (operator === "in") {
    const inner = /^\((.*)\)$/s.exec(value)?.[1];
    if (inner === undefined) throw unreadable(`filter (in.${value})`);
    return `${column} = any(${params.add(splitList(inner).map(unquote))})`;
  }
  const search = textSearches[operator];
  if (search !== undefined) {
    const config = modifier === undefined ? "" : `${params.add(modifier)}::regconfig, `;
    const vector = isVector ? column : `to_tsvector(${config}${column}::text)`;
    return `${vector} @@ ${search}(${config}${params.add(value)})`;
  }
  const comparison = comparisons[operator];
  if (comparison === undefined) throw unsupported(`the operator "${operator}"`);
  const wild =
    operator === "like" || operator === "ilike" ? (text: string) => text.replaceAll("*", "%") : (text: string) => text;
  if (modifier === undefined) return `${column} ${comparison} ${params.add(wild(value))}`;
  const list = /^\{(.*)\}$/s.exec(value)?.[1];
  if ((modifier !== "any" && modifier !== "all") || list === undefined)
    throw unreadable(`filter (${operator}(${modifier}))`);
  return `${column} ${comparison} ${modifier}(${params.add(splitList(list).map((each) => wild(unquote(each))))})`;
}
