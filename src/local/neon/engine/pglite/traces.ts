import { type Backend } from "./backend.ts";

/**
 * Statements, one a row, that take away what is in the backend now besides settings and channels. Transaction-level
 * advisory locks are none of it: this is asked between transactions.
 */
const tracesSql = `
  SELECT format('DEALLOCATE %I', name) FROM pg_catalog.pg_prepared_statements WHERE from_sql
  UNION ALL SELECT format('CLOSE %I', name) FROM pg_catalog.pg_cursors WHERE is_holdable
  UNION ALL SELECT format('DROP %s IF EXISTS pg_temp.%I CASCADE',
      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname)
    FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema() AND relkind IN ('r', 'p', 'v', 'S')
  UNION ALL SELECT format('SELECT pg_catalog.pg_advisory_unlock%s(%s)',
      CASE mode WHEN 'ShareLock' THEN '_shared' ELSE '' END,
      CASE objsubid WHEN 1 THEN ((classid::int8 << 32) | objid::int8)::text
        ELSE format('%s, %s', classid::int8::bit(32)::int4, objid::int8::bit(32)::int4) END)
    FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted`;

/** Remembers which session left what in the one backend, so that it goes with its session while others stay. */
export class Traces<Owner> {
  readonly #backend: Backend;
  readonly #owned = new Map<Owner, Set<string>>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** After a transaction of `owner`: what is there and nobody else's is its own. */
  async note(owner: Owner): Promise<void> {
    const present = (await this.#backend.rows(tracesSql)).map(([statement]) => statement!);
    const others = new Set([...this.#owned].flatMap(([each, traces]) => (each === owner ? [] : [...traces])));
    this.#owned.set(owner, new Set(present.filter((statement) => !others.has(statement))));
  }

  /** Takes away what is `owner`'s, whoever it was when it made it. */
  async clean(owner: Owner): Promise<void> {
    const traces = this.#owned.get(owner);
    this.#owned.delete(owner);
    if (!traces || traces.size === 0) return;
    await this.#backend.asSuperuser(async () => {
      // A statement that fails finds its trace gone already, and is no reason to leave the others.
      for (const statement of traces) await this.#backend.rows(statement).catch(() => undefined);
    });
  }

  /** All is gone: the backend was reset. */
  forget(): void {
    this.#owned.clear();
  }
}
