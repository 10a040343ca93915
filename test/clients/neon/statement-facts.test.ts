import { describe, expect, it } from "vitest";
import { statementFacts } from "../../../src/clients/neon/statement-facts.ts";

describe("a plain read", () => {
  it.each([
    "select 1",
    "  SELECT id, price::text FROM listings WHERE price < $1 ORDER BY id LIMIT 10;",
    "(select 1) union all (select 2)",
    "with cheap as (select * from listings where price < 5) select count(*) from cheap",
    "select 'delete from x; insert', $$update$$, $tag$drop$tag$ from t -- for update",
    "select /* insert */ lower(name), coalesce(a, b), embedding <=> $1::vector(3) from t",
    "select sum(x) over (partition by y order by z) from t where id in (select id from u) and exists (select 1)",
    "select n from unnest($1::int[], $2::text[]) as t(n, m)",
    "values (1), (2)",
    "table listings",
    "show server_version",
    "select ts_rank(search_text, websearch_to_tsquery('english', $1)) from listings",
    "select cast(x as numeric(10, 2)), extract(year from y), count(*) filter (where z) from t",
    'select "id", "t"."name" from "t"',
  ])("is recognised: %s", (text) => {
    expect(statementFacts(text).plainRead).toBe(true);
  });

  it.each([
    "insert into t values (1)",
    "with new as (insert into t values (1) returning id) select * from new",
    "WITH gone AS (DELETE FROM t RETURNING 1) SELECT 1",
    "select * from t for update",
    "select * from t for no key update skip locked",
    "select * from t for key share",
    "select * into copy_of_t from t",
    "select nextval('s')",
    "select pg_catalog.setval('s', 1)",
    "select set_config('a', 'b', true)",
    "select pg_notify('c', 'p')",
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_xact_lock (1)",
    "select pg_sleep(1)",
    "select \"nextval\"('s')",
    "select my_function_that_may_write(1)",
    "select public.lower(1)",
    "select count(*) from t; drop table t",
    "select lo_import('x'), 1",
    "explain analyze insert into t values (1)",
    "call p()",
    "do $$ begin end $$",
    "select /* unclosed",
    "",
    "select e'it\\'s', nextval('s')",
    "select 'a' -- '\n, nextval('s') -- '",
    "select 1 as a -- \r into copy_of_t",
    "select /* /* */ nextval('s') */ 1; drop table t",
    "select $a1$'$a1$ as a into copy_of_t --'",
    "select a$$ into copy_of_t from t --$$",
  ])("is not: %s", (text) => {
    expect(statementFacts(text).plainRead).toBe(false);
  });
});

describe("a statement's label", () => {
  it("is its first keyword and a fingerprint that ignores values, comments and blanks", () => {
    const one = statementFacts("select a from t where b = 'secret' -- why").label;
    expect(one).toMatch(/^select [0-9a-f]{8}$/);
    expect(statementFacts("select a  from t\n where b = 'other'").label).toBe(one);
    expect(statementFacts("select b from t where b = 'secret'").label).not.toBe(one);
  });
});
