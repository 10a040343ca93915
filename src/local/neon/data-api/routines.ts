import { findRoutine, type Routine, SCHEMA } from "./catalog.ts";
import { whereSql } from "./filters.ts";
import { PgrstFault } from "./pgrst-fault.ts";
import { orderSql, readPreferences, readShape, readWindow, selectSql } from "./query-string.ts";
import { gatherSql, renderRows } from "./render.ts";
import { Params, quoteName } from "./split.ts";
import { outcomeOf, readJson, type TableRequest } from "./tables.ts";

/** `/rpc/<function>`: POST with the arguments as an object, or GET and HEAD with them in the query. */
export async function callRoutine(call: TableRequest): Promise<Response> {
  const { request, query, name, look, act } = call;
  const shape = readShape(request.headers);
  const { counts } = readPreferences(request.headers);
  const window = readWindow(query, request.headers);
  const isPost = request.method === "POST";
  const { routine, args } = isPost ? await posted(call) : await queried(call);
  if (!isPost && routine.isVolatile)
    throw new PgrstFault(405, "25006", `cannot execute ${name}() in a read-only transaction; call it by POST`);
  const params = new Params();
  const run = await act();
  const source = `${sourceSql(routine, args, params)} _result`;
  if (routine.returns === "void") {
    await run(`select from ${source}`, params.values);
    return new Response(null, { status: 204 });
  }
  if (routine.returns === "value") {
    const rows = `select to_json(_result.${quoteName("value")}) as value from ${source}`;
    const body = routine.returnsSet ? "coalesce(json_agg(value), '[]')" : "coalesce((array_agg(value))[1], 'null')";
    const [row] = await run<{ body: string }>(
      `with _rows as (${rows}) select ${body}::text as body from _rows`,
      params.values,
    );
    return new Response(row!.body, { headers: { "content-type": "application/json; charset=utf-8" } });
  }
  const filters = new URLSearchParams(
    [...query].filter(([key]) => isPost || !routine.args.some((arg) => arg.name === key)),
  );
  const where = whereSql(filters, { relation: "_result", types: new Map(), params });
  const limit = window.limit === undefined ? "" : ` limit ${window.limit}`;
  const from = `from ${source}${where}`;
  const page = `select ${selectSql(query, "_result")} ${from}${orderSql(query, "_result")}${limit} offset ${window.offset}`;
  const total = counts ? `(select count(*) ${from})` : undefined;
  const outcome = await outcomeOf(run, `with _rows as (${page}) ${gatherSql(total, shape)}`, params);
  return renderRows(outcome, window, routine.returnsSet ? shape : { ...shape, isSingle: true }, {
    isHead: request.method === "HEAD",
  });

  async function posted({ request }: TableRequest) {
    const text = request.headers.get("content-length") === "0" ? {} : await readJson(request);
    const args = (text ?? {}) as Record<string, unknown>;
    if (typeof args !== "object" || Array.isArray(args)) throw new PgrstFault(400, "PGRST102", "Empty or invalid json");
    return { routine: await findRoutine(look, name, Object.keys(args)), args };
  }

  /** What is neither a filter nor a known parameter is an argument. */
  async function queried({ query }: TableRequest) {
    const given = Object.fromEntries(
      [...query].filter(
        ([key, value]) =>
          !/^(select|order|limit|offset|and|or|not\..*)$/.test(key) && !/^(not\.)?[a-z]+(\(\w+\))?\./.test(value),
      ),
    );
    return { routine: await findRoutine(look, name, Object.keys(given)), args: given as Record<string, unknown> };
  }
}

/** The call as a relation; arguments travel as one JSON value, and PostgreSQL makes their types of it. */
function sourceSql({ name, args, returns }: Routine, given: Record<string, unknown>, params: Params): string {
  const used = args.filter((arg) => arg.name in given);
  const list = used.map((arg) => `${quoteName(arg.name)} => _args.${quoteName(arg.name)}`).join(", ");
  const routine = `${quoteName(SCHEMA)}.${quoteName(name)}(${list})`;
  const value = returns === "row" ? "_call.*" : "_call.value";
  const alias = returns === "row" ? "_call" : "_call(value)";
  if (used.length === 0) return `(select ${value} from ${routine} ${alias})`;
  const columns = used.map((arg) => `${quoteName(arg.name)} ${arg.type}`).join(", ");
  const source = `json_to_record(${params.add(JSON.stringify(given))}::json) as _args(${columns})`;
  return `(select ${value} from ${source}, lateral ${routine} ${alias})`;
}
