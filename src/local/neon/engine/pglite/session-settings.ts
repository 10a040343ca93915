import { quoteLiteral } from "../../sql/statements.ts";
import { LOGIN_ROLE } from "../project.ts";

/** What a session has set for itself, by setting. */
export type SessionSettings = ReadonlyMap<string, string>;

/** Equal for sessions that need no change of settings between them. */
export const settingsKey = (settings: SessionSettings): string =>
  settings.size === 0 ? "" : JSON.stringify([...settings].sort(([a], [b]) => (a < b ? -1 : 1)));

/** Who one is comes after the rest: the one or the other may lack the right to set it. */
const rank = (name: string): number => ["session_authorization", "role"].indexOf(name);

/** Makes the one backend look like the session with these settings. */
export function applySettingsSql(settings: SessionSettings): string {
  const byRank = [...settings].sort(([a], [b]) => rank(a) - rank(b));
  const calls = byRank.map(
    ([name, value]) => `SELECT set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false)`,
  );
  return [`SET SESSION AUTHORIZATION ${LOGIN_ROLE}`, "RESET ALL", ...calls].join("; ");
}

/** Rows of name and value: all that differs from a fresh session. `pg_settings` hides who one is, and custom settings. */
export function readSettingsSql(custom: Iterable<string>): string {
  const hidden = ["session_authorization", "role", ...custom].map(
    (name) => `SELECT ${quoteLiteral(name)}, current_setting(${quoteLiteral(name)}, true)`,
  );
  return `SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session' AND setting IS DISTINCT FROM reset_val UNION ALL ${hidden.join(" UNION ALL ")}`;
}

/** What the two have in a fresh session. */
const usual: Readonly<Record<string, string>> = { session_authorization: LOGIN_ROLE, role: "none" };

export function settingsFromRows(rows: readonly (readonly (string | null)[])[]): Map<string, string> {
  const settings = new Map<string, string>();
  for (const [name, value] of rows) if (name && value && value !== usual[name]) settings.set(name, value);
  return settings;
}

/** The settings that a start-up message asks for: its own fields, and `-c name=value` or `--name=value` in `options`. */
export function settingsFromStartup(parameters: ReadonlyMap<string, string>): Map<string, string> {
  const settings = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (["user", "database", "options", "replication"].includes(name) || name.startsWith("_pq_.")) continue;
    // The backend speaks UTF-8 already; asking for it must not make the session a special one.
    if (name === "client_encoding" && /^'?utf-?8'?$/i.test(value)) continue;
    settings.set(name, value);
  }
  const words = parameters.get("options")?.match(/(?:\\.|\S)+/g) ?? [];
  for (const [at, word] of words.entries()) {
    const setting = word === "-c" ? words[at + 1] : /^(?:-c|--)(.+=.*)$/s.exec(word)?.[1];
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(setting ?? "") ?? [];
    if (name !== undefined && value !== undefined)
      settings.set(name.replaceAll("-", "_"), value.replace(/\\(.)/gs, "$1"));
  }
  return settings;
}
