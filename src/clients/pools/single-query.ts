import type pg from "pg";
import { refuseCopy } from "./statement-query.ts";

interface PreparedQuery extends pg.Submittable {
  requiresPreparation(): boolean;
  handleCopyInResponse: typeof refuseCopy;
}

type QueryClass = new (config: object) => PreparedQuery;

/** A driver's own query object, sent in the extended protocol though it may have no parameters. */
export function singleQuery(
  client: pg.ClientBase,
  config: pg.QueryConfig,
  callback: (error: Error | null | undefined, result?: pg.QueryResult) => void,
): pg.Submittable {
  const { Query } = client.constructor as unknown as { readonly Query: QueryClass };
  return Object.assign(new Query({ ...config, callback }), {
    requiresPreparation: () => true,
    handleCopyInResponse: refuseCopy,
  });
}
