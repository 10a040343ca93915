import {
  applySettingsSql,
  readSettingsSql,
  type SessionSettings,
  settingsFromRows,
  settingsKey,
} from "./session-settings.ts";
import { client, type Frame, FrameReader, server, type SqlFault } from "../../wire/index.ts";
import { type PgliteWorker } from "./worker.ts";

/** What clients are told of the server at the start, as PostgreSQL would. */
const reportedSettings = [
  "server_version",
  "server_encoding",
  "client_encoding",
  "application_name",
  "default_transaction_read_only",
  "in_hot_standby",
  "DateStyle",
  "integer_datetimes",
  "IntervalStyle",
  "search_path",
  "is_superuser",
  "session_authorization",
  "standard_conforming_strings",
  "TimeZone",
  "scram_iterations",
];

/** The one PostgreSQL session beneath all of ours. Whoever calls it holds the lock. */
export class Backend {
  readonly #engine: PgliteWorker;
  /** The settings that are in force now, by their key. */
  #settingsInForce = "";

  constructor(engine: PgliteWorker) {
    this.#engine = engine;
  }

  get isAlive(): boolean {
    return this.#engine.isAlive;
  }

  /** Runs messages and hands over the answer, message by message; `onPiece` marks where bytes may be passed on together. */
  async execute(bytes: Uint8Array, onFrame: (frame: Frame) => void, onPiece?: () => void): Promise<void> {
    const reader = new FrameReader();
    await this.#engine.execute(bytes, (piece) => {
      reader.feed(piece);
      for (let frame = reader.next(); frame; frame = reader.next()) onFrame(frame);
      onPiece?.();
    });
  }

  /** Our own statements. @throws SqlFault */
  async rows(sql: string): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    let fault: SqlFault | undefined;
    await this.execute(client.query(sql), ({ kind, body }) => {
      if (kind === "D") rows.push(server.readDataRow(body));
      else if (kind === "E") fault ??= server.readErrorResponse(body);
    });
    if (fault) throw fault;
    return rows;
  }

  /** Makes the settings those of the session that runs next. @throws SqlFault for one that PostgreSQL refuses */
  async adopt(settings: SessionSettings): Promise<void> {
    const key = settingsKey(settings);
    if (key === this.#settingsInForce) return;
    this.#settingsInForce = "unknown";
    await this.rows(applySettingsSql(settings));
    this.#settingsInForce = key;
  }

  /** What the session that ran last has set. */
  async readSettings(custom: Iterable<string>): Promise<SessionSettings> {
    const settings = settingsFromRows(await this.rows(readSettingsSql(custom)));
    this.#settingsInForce = settingsKey(settings);
    return settings;
  }

  async channels(): Promise<Set<string>> {
    return new Set((await this.rows("SELECT pg_listening_channels()")).map(([channel]) => channel!));
  }

  /** As good as new: for when no session is left. */
  async reset(): Promise<void> {
    this.#settingsInForce = "unknown"; // its default user is PGlite's own
    await this.rows("DISCARD ALL");
  }

  /** Runs our own statements as PGlite's superuser. */
  async asSuperuser(work: () => Promise<void>): Promise<void> {
    this.#settingsInForce = "unknown";
    await this.rows("SET SESSION AUTHORIZATION DEFAULT");
    await work();
  }

  async reported(): Promise<Map<string, string>> {
    const columns = reportedSettings.map((name) => `current_setting('${name}')`);
    const [values] = await this.rows(`SELECT ${columns.join(", ")}`);
    return new Map(reportedSettings.map((name, at) => [name, values![at] ?? ""]));
  }
}
