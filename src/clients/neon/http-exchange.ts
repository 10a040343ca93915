import { neonConfig, NeonDbError, types } from "@neondatabase/serverless";
import { type FetchLike } from "../../core/index.ts";
import { createLeanFetch } from "../http/lean-fetch.ts";
import { prepareValue } from "../pools/prepare-value.ts";
import { authorityOf, connectionStringOf, type ConnectionTarget } from "./connection-string.ts";
import { type BatchOptions } from "./neon-options.ts";
import { type DriverResult, type Field } from "./rows.ts";
import { type Statement } from "./sql.ts";

/** One HTTP request, as far as it came: filled in while it runs. */
export interface HttpExchange {
  /** True as soon as the request may have left. */
  sent: boolean;
  status?: number;
  retryAfter?: string | null;
}

const leanFetch = createLeanFetch();

/** What the host has given the driver, or one that does the same as the global `fetch` for less. */
export const neonFetch: FetchLike = (input, init) =>
  ((neonConfig.fetchFunction as FetchLike | undefined) ?? leanFetch)(input, init);

/**
 * SQL over HTTP as Neon's driver speaks it. Ours, because the driver takes its connection string apart for every
 * request, loses `Retry-After`, and knows one endpoint and one `fetch` for the whole process. Its settings for these are
 * followed, its type parsers are used, and a refused statement is its error.
 */
export class HttpSql {
  readonly #target: ConnectionTarget;
  readonly #fetch: FetchLike;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(target: ConnectionTarget, applicationName: string, fetch: FetchLike = neonFetch) {
    this.#target = target;
    this.#fetch = fetch;
    this.#headers = {
      "Neon-Connection-String": connectionStringOf(target, applicationName).reveal(),
      "Neon-Raw-Text-Output": "true",
      "Neon-Array-Mode": "true",
    };
  }

  async query(statement: Statement, exchange: HttpExchange, signal: AbortSignal): Promise<DriverResult> {
    const answer = await this.#send(statementOf(statement), {}, exchange, signal);
    return resultOf(answer as RawResult);
  }

  async batch(
    statements: readonly Statement[],
    { isolationLevel, readOnly }: Pick<BatchOptions, "isolationLevel" | "readOnly">,
    exchange: HttpExchange,
    signal: AbortSignal,
  ): Promise<DriverResult[]> {
    const headers = {
      ...(isolationLevel && { "Neon-Batch-Isolation-Level": isolationLevels[isolationLevel] }),
      ...(readOnly !== undefined && { "Neon-Batch-Read-Only": String(readOnly) }),
    };
    const answer = await this.#send({ queries: statements.map(statementOf) }, headers, exchange, signal);
    return (answer as { readonly results: readonly RawResult[] }).results.map(resultOf);
  }

  async #send(
    question: object,
    headers: Readonly<Record<string, string>>,
    exchange: HttpExchange,
    signal: AbortSignal,
  ): Promise<unknown> {
    const body = JSON.stringify(question);
    const init = { method: "POST", body, headers: { ...this.#headers, ...headers }, signal };
    const endpoint = this.#endpoint();
    exchange.sent = true;
    const response = await this.#fetch(endpoint, init);
    exchange.status = response.status;
    exchange.retryAfter = response.headers.get("retry-after");
    if (response.ok) return response.json();
    if (response.status !== 400)
      throw new NeonDbError(`Server error (HTTP status ${response.status}): ${await response.text()}`);
    const report = (await response.json()) as { readonly message: string };
    throw Object.assign(new NeonDbError(report.message), report);
  }

  /** The stand-in serves SQL on its own port; a hosted database is found as the driver finds it. */
  #endpoint(): string {
    const { host, port, isLoopback } = this.#target;
    if (isLoopback) return `http://${authorityOf(this.#target)}/sql`;
    const { fetchEndpoint } = neonConfig;
    return typeof fetchEndpoint === "function" ? fetchEndpoint(host, port, { jwtAuth: false }) : fetchEndpoint;
  }
}

const isolationLevels = {
  "read committed": "ReadCommitted",
  "repeatable read": "RepeatableRead",
  serializable: "Serializable",
} as const satisfies Record<NonNullable<BatchOptions["isolationLevel"]>, string>;

function statementOf({ text, params }: Statement): { readonly query: string; readonly params: readonly unknown[] } {
  return { query: text, params: params.map(paramOf) };
}

/** As text; bytes as PostgreSQL writes them. */
function paramOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  const text = prepareValue(value);
  return Buffer.isBuffer(text) ? `\\x${text.toString("hex")}` : text;
}

/** Rows are arrays of texts. */
interface RawResult {
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly rowCount: number | null;
}

function resultOf({ fields, rows, rowCount }: RawResult): DriverResult {
  const names = fields.map(({ name }) => name);
  const parsers = fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, "text") as (text: string) => unknown);
  // Copied for each row: they have their shape from the start, and a column may have any name, `__proto__` too.
  const empty: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, null]));
  return {
    fields: fields.map(({ name, dataTypeID }) => ({ name, dataTypeID })),
    rowCount,
    rows: rows.map((texts) => {
      const row = { ...empty };
      for (let index = 0; index < names.length; index += 1) {
        const text = texts[index] as string | null;
        row[names[index]!] = text === null ? null : parsers[index]!(text);
      }
      return row;
    }),
  };
}
