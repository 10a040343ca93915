import { LRUCache } from "lru-cache";
import { invalid } from "../neon-options.ts";
import { type DriverResult } from "../rows.ts";
import { identifier, type Statement } from "../sql.ts";

/** What an insert must know of a column. */
export interface TableColumn {
  readonly name: string;
  /** As SQL writes it, without length or precision: a cast to those would cut silently. */
  readonly type: string;
  /** The type's own name, behind a domain. */
  readonly base: string;
  readonly isArray: boolean;
  /** The name of an array's element type. */
  readonly element: string | null;
  /** There is an array of this type, written with commas, and `unnest` makes one column of it (of composites it makes several). */
  readonly hasArray: boolean;
}

export interface TableFacts {
  readonly columns: ReadonlyMap<string, TableColumn>;
  /** COPY would do the same as INSERT: a plain table, without rules and without row-level security. */
  readonly takesCopy: boolean;
}

const lookup = `select a.attname::text as name, format_type(a.atttypid, -1) as type, b.typname::text as base,
  b.typcategory = 'A' as is_array, e.typname::text as element,
  t.typarray <> 0 and t.typdelim = ',' and b.typtype <> 'c' as has_array,
  c.relkind in ('r', 'p') and not c.relhasrules and not c.relrowsecurity as takes_copy
from pg_catalog.pg_class c
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
left join pg_catalog.pg_type e on e.oid = b.typelem
where c.oid = to_regclass($1)
order by a.attnum`;

interface LookupRow {
  readonly name: string;
  readonly type: string;
  readonly base: string;
  readonly is_array: boolean;
  readonly element: string | null;
  readonly has_array: boolean;
  readonly takes_copy: boolean;
}

/** The columns of tables as the catalog knows them, asked for once per table. */
export class TableCatalog {
  readonly #tables = new LRUCache<string, TableFacts>({ max: 500 });

  /** @throws IntegrationError INVALID_INPUT for a table that is not there, or hidden */
  async table(name: string, run: (statement: Statement) => Promise<DriverResult>): Promise<TableFacts> {
    const known = this.#tables.get(name);
    if (known) return known;
    const quoted = identifier(name).compile().text;
    const { rows } = (await run({ text: lookup, params: [quoted] })) as { rows: readonly LookupRow[] };
    if (rows.length === 0)
      throw invalid(
        `bulkInsert: there is no table ${quoted} in the search path; write its schema, as in public.things`,
      );
    const columns = new Map(
      rows.map(({ name, type, base, element, is_array: isArray, has_array: hasArray }): [string, TableColumn] => [
        name,
        { name, type, base, element, isArray, hasArray },
      ]),
    );
    const facts = { columns, takesCopy: rows[0]!.takes_copy };
    this.#tables.set(name, facts);
    return facts;
  }

  /** After a failure that a changed table may explain. */
  forget(name: string): void {
    this.#tables.delete(name);
  }
}

/** @throws IntegrationError INVALID_INPUT naming every column that the table lacks */
export function pickColumns(table: string, facts: TableFacts, names: readonly string[]): TableColumn[] {
  const unknown = names.filter((name) => !facts.columns.has(name));
  if (unknown.length > 0)
    throw invalid(
      `bulkInsert: ${table} has no column ${unknown.map((name) => JSON.stringify(name)).join(", ")}; it has ${[...facts.columns.keys()].join(", ")}`,
    );
  return names.map((name) => facts.columns.get(name)!);
}
