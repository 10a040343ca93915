import { PgrstFault } from "./pgrst-fault.ts";

/** One statement in the request's transaction. */
export type Run = <R extends object>(text: string, values?: readonly unknown[]) => Promise<R[]>;

export interface Relation {
  readonly name: string;
  /** Type names by column. */
  readonly types: ReadonlyMap<string, string>;
  readonly primaryKey: readonly string[];
}

/** The one schema that is served. */
export const SCHEMA = "public";

/** @throws PgrstFault PGRST205 */
export async function findRelation(run: Run, name: string): Promise<Relation> {
  const rows = await run<{ column: string; type: string; is_key: boolean }>(
    `select a.attname as column, format_type(a.atttypid, a.atttypmod) as type,
       coalesce(a.attnum = any(i.indkey), false) as is_key
     from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       left join pg_index i on i.indrelid = c.oid and i.indisprimary
     where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')
     order by a.attnum`,
    [SCHEMA, name],
  );
  if (rows.length === 0)
    throw new PgrstFault(404, "PGRST205", `Could not find the table '${SCHEMA}.${name}' in the schema cache`);
  return {
    name,
    types: new Map(rows.map(({ column, type }) => [column, type])),
    primaryKey: rows.filter((row) => row.is_key).map(({ column }) => column),
  };
}

export interface RoutineArgument {
  readonly name: string;
  readonly type: string;
  readonly isOptional: boolean;
}

export interface Routine {
  readonly name: string;
  readonly args: readonly RoutineArgument[];
  readonly returnsSet: boolean;
  /** `void`, a row of columns, or one value. */
  readonly returns: "void" | "row" | "value";
  readonly isVolatile: boolean;
}

/** The function whose arguments fit the given names. @throws PgrstFault PGRST202 */
export async function findRoutine(run: Run, name: string, given: readonly string[]): Promise<Routine> {
  const rows = await run<{
    names: string[] | null;
    types: string[];
    defaults: number;
    set: boolean;
    row: boolean;
    type: string;
    volatile: boolean;
  }>(
    `select p.proargnames[1:p.pronargs] as names, p.pronargdefaults as defaults, p.proretset as set,
       (select coalesce(array_agg(format_type(t.oid, null) order by t.at), '{}')
        from unnest(p.proargtypes::oid[]) with ordinality t(oid, at)) as types,
       (r.typtype = 'c' or p.proargmodes && '{t,o,b}'::"char"[]) is true as row,
       r.typname as type, p.provolatile = 'v' as volatile
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type r on r.oid = p.prorettype
     where n.nspname = $1 and p.proname = $2 and p.prokind = 'f'`,
    [SCHEMA, name],
  );
  const routines = rows.map(({ names, types, defaults, set, row, type, volatile }): Routine => {
    const args = types.map((each, at) => ({
      name: names?.[at] ?? "",
      type: each,
      isOptional: at >= types.length - defaults,
    }));
    return {
      name,
      args,
      returnsSet: set,
      returns: type === "void" ? "void" : row ? "row" : "value",
      isVolatile: volatile,
    };
  });
  const fitting = routines.find(
    ({ args }) =>
      given.every((each) => args.some((arg) => arg.name === each)) &&
      args.every((arg) => arg.isOptional || given.includes(arg.name)),
  );
  if (fitting) return fitting;
  const list = given.length === 0 ? "without parameters" : `(${[...given].sort().join(", ")})`;
  throw new PgrstFault(
    404,
    "PGRST202",
    `Could not find the function ${SCHEMA}.${name}${given.length === 0 ? " " : ""}${list} in the schema cache`,
  );
}
