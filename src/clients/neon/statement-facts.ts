import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";

/** What can be told from a statement's text alone. */
export interface StatementFacts {
  /** Running it twice provably changes nothing. */
  readonly plainRead: boolean;
  /** It says itself that it changes something; what functions do is not told by their call. */
  readonly writes: boolean;
  /** The first words, without comments and literals. */
  readonly bare: string;
  /** First keyword and a short fingerprint, e.g. `select 1f0c92ab`: names the statement without its values. */
  readonly label: string;
}

/** Longer texts are bulk statements: they are not worth keeping. */
const MAX_CACHED_CHARACTERS = 10_000;
const BARE_CHARACTERS = 200;
const cache = new LRUCache<string, StatementFacts>({ max: 500 });

export function statementFacts(text: string): StatementFacts {
  const known = cache.get(text);
  if (known) return known;
  const bare = withoutLiterals(text).trim();
  const keyword = /^[\s(]*([a-z]+)/i.exec(bare)?.[1]?.toLowerCase() ?? "?";
  const fingerprint = createHash("sha256").update(bare.replace(/\s+/g, " ")).digest("hex").slice(0, 8);
  const facts = {
    plainRead: isPlainRead(bare, keyword),
    writes: !readKeywords.has(keyword) || effects.test(bare),
    bare: bare.slice(0, BARE_CHARACTERS),
    label: `${keyword} ${fingerprint}`,
  };
  if (text.length <= MAX_CACHED_CHARACTERS) cache.set(text, facts);
  return facts;
}

/** Comments become blanks, literals `''`; quoted names keep their content, so that `"nextval"(…)` stays visible. */
export function withoutLiterals(text: string): string {
  let bare = "";
  let from = 0;
  literal.lastIndex = 0;
  for (let found = literal.exec(text); found; found = literal.exec(text)) {
    const [start, , name] = found;
    bare += text.slice(from, found.index);
    if (start === "/*") {
      const end = endOfComment(text, literal.lastIndex);
      if (end === undefined) return bare + text.slice(found.index);
      literal.lastIndex = end;
    }
    bare += name !== undefined ? name.replace(/\W/g, "_") : start === "/*" || start.startsWith("--") ? " " : "''";
    from = literal.lastIndex;
  }
  return from === 0 ? text : bare + text.slice(from);
}

/** As PostgreSQL's scanner sees them: a line ends with a carriage return, too, and a dollar within a name is part of it. */
const literal =
  /--[^\n\r]*|\/\*|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|(?<![\w$\u0080-\uffff])\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?\$\1\$|"((?:[^"]|"")*)"/g;

/** Comments nest. One that never ends has no end. */
function endOfComment(text: string, from: number): number | undefined {
  let depth = 1;
  commentMark.lastIndex = from;
  for (let mark = commentMark.exec(text); mark; mark = commentMark.exec(text)) {
    depth += mark[0] === "/*" ? 1 : -1;
    if (depth === 0) return commentMark.lastIndex;
  }
  return undefined;
}
const commentMark = /\/\*|\*\//g;

const readKeywords = new Set(["select", "with", "values", "table", "show"]);
const effects =
  /\b(insert|update|delete|merge|truncate|into|call|do|copy|lock|create|alter|drop|grant|revoke|execute|listen|notify|share)\b/i;

/**
 * Conservative on purpose: a statement is a plain read only if it is one statement, starts like a read, holds no word
 * that writes or locks, and calls nothing but functions known to be pure. A function that we do not know may write, and
 * a retry would write twice; `idempotent: true` overrides.
 */
function isPlainRead(bare: string, keyword: string): boolean {
  if (!readKeywords.has(keyword)) return false;
  if (bare.replace(/;\s*$/, "").includes(";") || /\/\*|\bU&/i.test(bare) || effects.test(bare)) return false;
  const calls = bare.matchAll(/(?:([\w.]+)\s+)?([\w.]+)\s*\(/g);
  for (const [, before, name] of calls) {
    const called = name!.toLowerCase().replace(/^pg_catalog\./, "");
    if (!pure.has(called) && before?.toLowerCase() !== "as" && !/^\d/.test(called)) return false;
  }
  return true;
}

/** Words that stand before a parenthesis without calling anything, types with a modifier, and pure functions. */
const pure = new Set(
  `select from where and or not in exists any all some as on using over filter group by having values when then else case
   join lateral union intersect except distinct limit offset between like ilike is with materialized within cast row
   array order partition rollup cube sets recursive
   numeric decimal varchar char character bit varying vector halfvec interval time timestamp float
   count sum avg min max stddev stddev_pop stddev_samp variance var_pop var_samp corr bool_and bool_or every array_agg
   string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg percentile_cont percentile_disc mode
   row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value grouping
   coalesce nullif greatest least abs ceil ceiling floor round trunc sqrt cbrt power exp ln log mod sign div random
   sin cos tan asin acos atan atan2 pi radians degrees width_bucket
   lower upper initcap length char_length octet_length substring substr left right trim btrim ltrim rtrim lpad rpad
   replace translate split_part strpos position concat concat_ws format repeat reverse md5 sha256 encode decode
   starts_with regexp_replace regexp_match regexp_matches regexp_split_to_array regexp_split_to_table to_char to_number
   to_date to_timestamp now clock_timestamp statement_timestamp transaction_timestamp date_trunc date_part date_bin age
   extract make_date make_interval make_timestamp current_timestamp timezone justify_days
   generate_series generate_subscripts unnest array_length cardinality array_position array_to_string string_to_array
   array_append array_cat array_remove
   to_json to_jsonb row_to_json json_build_object jsonb_build_object json_build_array jsonb_build_array
   jsonb_array_elements json_array_elements jsonb_array_elements_text json_array_elements_text jsonb_array_length
   json_array_length jsonb_each jsonb_each_text jsonb_object_keys jsonb_typeof jsonb_set jsonb_strip_nulls
   jsonb_extract_path jsonb_extract_path_text jsonb_path_query jsonb_path_exists jsonb_to_recordset jsonb_populate_record
   to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline
   setweight similarity word_similarity strict_word_similarity cosine_distance l2_distance inner_product l1_distance
   vector_dims vector_norm l2_normalize
   gen_random_uuid version current_setting current_database current_schema current_user pg_typeof pg_is_in_recovery
   pg_backend_pid pg_size_pretty pg_total_relation_size pg_relation_size pg_database_size to_regclass to_regproc
   to_regprocedure to_regtype has_table_privilege has_schema_privilege obj_description format_type pg_get_constraintdef
   pg_get_indexdef pg_get_viewdef auth.uid auth.role auth.jwt`.split(/\s+/),
);
