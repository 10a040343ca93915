import { identifier, splitStatements } from "../../sql/statements.ts";

/**
 * What a statement may leave behind in the session that ran it. The text only says where to look: whether it happened
 * is read from the catalogs once the transaction is over.
 */
export type Effect =
  | { readonly kind: "listen"; readonly channel: string }
  /** Without a channel: all of them. */
  | { readonly kind: "unlisten"; readonly channel?: string }
  /** A setting of the session changed; a name is given for those that `pg_settings` does not show. */
  | { readonly kind: "setting"; readonly custom?: string }
  | { readonly kind: "temp" }
  /** Prepared statements, advisory locks, cursors that outlive their transaction. */
  | { readonly kind: "trace" };

/** Most statements are done with here. */
const suspicious =
  /\b(?:(?:un)?listen|set|set_config|reset|discard|temp|temporary|pg_temp|prepare|hold|pg_(?:try_)?advisory_lock\w*)\b/i;

export function effectsOf(sql: string): Effect[] {
  return suspicious.test(sql) ? splitStatements(sql).flatMap(effectsOfStatement) : [];
}

function effectsOfStatement(tokens: readonly string[]): Effect[] {
  const [first, second = "", third = ""] = tokens;
  switch (first) {
    case "listen":
      return [{ kind: "listen", channel: identifier(second) }];
    case "unlisten":
      return [second === "*" ? { kind: "unlisten" } : { kind: "unlisten", channel: identifier(second) }];
    case "discard":
      return [{ kind: "unlisten" }, { kind: "setting" }, { kind: "trace" }];
    case "reset":
      return [{ kind: "setting" }];
    case "set":
      return settingEffects(second === "session" && third !== "characteristics" ? tokens.slice(2) : tokens.slice(1));
    case "prepare":
      return second === "transaction" ? [] : [{ kind: "trace" }];
    default:
      return [...configCalls(tokens), ...otherTraces(tokens)];
  }
}

function settingEffects([name = "", dot, rest = ""]: readonly string[]): Effect[] {
  if (name === "local" || name === "transaction" || name === "constraints") return [];
  return [dot === "." ? { kind: "setting", custom: `${identifier(name)}.${identifier(rest)}` } : { kind: "setting" }];
}

/** `set_config(name, value, is_local)`: of interest unless it is plainly local. */
function configCalls(tokens: readonly string[]): Effect[] {
  return tokens.flatMap((each, at): Effect[] => {
    if (each !== "set_config") return [];
    const next = tokens.indexOf("set_config", at + 1);
    const call = tokens.slice(at, next < 0 ? undefined : next);
    if (call.some((word, i) => word === "true" && call[i - 1] === "," && call[i + 1] === ")")) return [];
    const name = /^'([^'.]+\.[^']+)'$/.exec(call[2] ?? "")?.[1];
    return [name === undefined ? { kind: "setting" } : { kind: "setting", custom: name }];
  });
}

function otherTraces(tokens: readonly string[]): Effect[] {
  const traces: Effect[] = [];
  if (tokens.some((each) => each === "temp" || each === "temporary" || each === "pg_temp"))
    traces.push({ kind: "temp" });
  if (tokens.some((each) => each === "hold" || /^pg_(?:try_)?advisory_lock/.test(each))) traces.push({ kind: "trace" });
  return traces;
}
