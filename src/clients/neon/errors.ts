import {
  codesOf,
  describeThrown,
  IntegrationError,
  type IntegrationErrorOptions,
  type Judgement,
  judgeHttpStatus,
  judgeNeonMessage,
  judgeNetworkError,
  judgeSqlState,
  parseRetryAfter,
  redactUrls,
} from "../../core/index.ts";
import { type HttpExchange } from "./http-exchange.ts";

/** What the place of a failure knows about it. */
export interface FailureContext {
  readonly operation: string;
  /** `connect`: no statement was sent yet. */
  readonly phase: "connect" | "query";
  /** The work can be repeated: a plain read, a statement that says so, or a transaction that was rolled back. */
  readonly repeatable: boolean;
  /** Nothing of it remains in the database: a retry is safe whatever it did. */
  readonly rolledBack?: boolean;
  /** Kept out of the message. */
  readonly params?: readonly unknown[];
  readonly exchange?: HttpExchange;
  /** Milliseconds since the epoch, for a `Retry-After` date. */
  readonly wallNow?: number;
}

/** The server's words about a failed statement; the same fields in every driver. */
interface ServerReport {
  readonly message: string;
  readonly code?: string | undefined;
  readonly severity?: string | undefined;
  readonly constraint?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
}

/** The only place where a driver's failure becomes an {@link IntegrationError}. */
export function toNeonError(thrown: unknown, context: FailureContext): IntegrationError {
  if (IntegrationError.isInstance(thrown)) return thrown;
  const { exchange } = context;
  const report = reportOf(thrown);
  const lastWords = report ? undefined : lastWordsOf(thrown);
  const judgement = judge(thrown, report, context);
  const notSent = judgement.notSent === true || context.phase === "connect" || context.rolledBack === true;
  const recoverable = judgement.verdict === "retryable" || judgement.verdict === "throttled";
  const retryAfterMs = parseRetryAfter(exchange?.retryAfter, context.wallNow ?? 0);
  return new IntegrationError({
    code: judgement.code,
    // The statement may have run, and running it again would not be the same: nobody may repeat it blindly.
    verdict: recoverable && !notSent && !context.repeatable ? "outcome-unknown" : judgement.verdict,
    message: `neon ${context.operation} failed: ${safeMessage(report?.message ?? lastWords?.message ?? describeFailure(thrown), report, context)}`,
    service: "neon",
    operation: context.operation,
    ...(recoverable && notSent && { notSent }),
    ...sqlStateOf(report ?? lastWords),
    ...(exchange?.status !== undefined && exchange.status !== 200 && { status: exchange.status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...detailsOf(report),
    cause: causeOf(thrown),
  });
}

/**
 * Whether no database was reached: by the network's failure, by Neon's proxy, which says so in words alone, or because
 * something else answered in its place (a gateway's 503, a 404 of the wrong endpoint).
 */
export function isUnreached({ code, status, sqlState, message }: IntegrationError): boolean {
  if (code === "NETWORK") return true;
  if (sqlState !== undefined && sqlState !== "XX000") return false;
  return judgeNeonMessage(message) !== undefined || (status !== undefined && !databaseStatuses.has(status));
}

/** A statement or an answer that is wrong or too big, and a limit on requests, say nothing about the database. */
const databaseStatuses: ReadonlySet<number> = new Set([400, 413, 429, 507]);

/** True if the server answered and its session goes on: the connection may serve the next statement. */
export function isStatementError(thrown: unknown): boolean {
  const report = reportOf(thrown);
  if (report?.code === undefined || report.severity !== "ERROR") return false;
  return isWrongMessage(report) || !/^(08|57P)/.test(report.code);
}

/** A statement with too many or too few parameters, in PostgreSQL's words: the session goes on. */
function isWrongMessage({ code, severity }: ServerReport): boolean {
  return code === "08P01" && severity === "ERROR";
}

/** What `pg` throws when its bound on a statement fires, and what we throw where the bound is ours. */
export const readTimeout = () => new Error("Query read timeout");

/** The connection was known to be lost before the statement left. */
export function isNeverSent(thrown: unknown): boolean {
  return thrown instanceof Error && /not queryable/.test(thrown.message);
}

/** The bound on a statement fired; the server may still run it. */
export function isReadTimeout(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message === "Query read timeout";
}

function judge(thrown: unknown, report: ServerReport | undefined, context: FailureContext): Judgement {
  const { exchange } = context;
  if (report) {
    // Neon's proxy reports its own failures as XX000 or without any SQLSTATE: only the words tell.
    const isProxy = report.code === undefined || report.code === "XX000" || report.code === "08P01";
    const byMessage = isProxy ? judgeNeonMessage(report.message) : undefined;
    if (byMessage) return byMessage;
    if (isWrongMessage(report)) return { code: "QUERY_FAILED", verdict: "fatal" };
    if (report.code !== undefined) return judgeSqlState(report.code);
    if (exchange?.status !== undefined && exchange.status !== 400) return judgeStatus(exchange.status);
    return { code: "QUERY_FAILED", verdict: "fatal" };
  }
  const message = describeThrown(thrown);
  if (isReadTimeout(thrown) || message === "timeout expired") return { code: "ATTEMPT_TIMEOUT", verdict: "retryable" };
  if (isNeverSent(thrown)) return { code: "NETWORK", verdict: "retryable", notSent: true };
  if (/connection terminated|timeout exceeded when trying to connect|websocket|server response/i.test(message))
    return { code: "NETWORK", verdict: "retryable" };
  const network = judgeNetworkError(thrown);
  if (network) return network;
  if (exchange?.status !== undefined) return { code: "INVALID_OUTPUT", verdict: "fatal" };
  if (exchange?.sent === true || context.phase === "connect") return { code: "NETWORK", verdict: "retryable" };
  // The driver threw before anything left: a parameter that cannot be written down, e.g. a circular object.
  return { code: "INVALID_INPUT", verdict: "fatal" };
}

function judgeStatus(status: number): Judgement {
  if (status === 507) return { code: "INVALID_OUTPUT", verdict: "fatal" }; // the answer exceeds Neon's 10 MiB
  return judgeHttpStatus(status);
}

/** Reads the server's report out of a driver's error, or `undefined` if the server said nothing. */
function reportOf(thrown: unknown): ServerReport | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const error = thrown as ServerReport & { readonly sourceError?: unknown; readonly name?: string };
  if (error.severity !== undefined && isSqlState(error.code)) return error;
  if (error.name !== "NeonDbError" || error.sourceError !== undefined) return undefined;
  const wrapped = /^Server error \(HTTP status \d+\): ([\s\S]*)$/.exec(error.message);
  if (!wrapped) return clean(error);
  const body = parseJson(wrapped[1]!);
  return body ? clean(body) : { message: error.message.slice(0, 200) };
}

/** Why the server ended the connection, where it said so before and the driver knows no more than that it is gone. */
function lastWordsOf(thrown: unknown): ServerReport | undefined {
  const report = reportOf((thrown as { readonly cause?: unknown } | null | undefined)?.cause);
  return report?.severity === "FATAL" || report?.severity === "PANIC" ? report : undefined;
}

function sqlStateOf(report: ServerReport | undefined): Pick<IntegrationErrorOptions, "sqlState"> {
  return report?.code ? { sqlState: report.code } : {};
}

function clean(report: ServerReport): ServerReport {
  const message = typeof report.message === "string" ? report.message : "the server gave no reason";
  return { ...report, message, code: isSqlState(report.code) ? report.code : undefined };
}

/** Classes start with a digit or are one of four: `EPIPE` has five letters, too. */
function isSqlState(code: unknown): code is string {
  return typeof code === "string" && /^(\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/.test(code);
}

function parseJson(text: string): ServerReport | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as ServerReport) : undefined;
  } catch {
    return undefined;
  }
}

function detailsOf(report: ServerReport | undefined): Pick<IntegrationErrorOptions, "details"> {
  const { constraint, schema, table, column } = report ?? {};
  const known = Object.entries({ constraint, schema, table, column }).filter(([, value]) => value !== undefined);
  return known.length === 0 ? {} : { details: Object.fromEntries(known) };
}

/** PostgreSQL quotes the offending input in errors of class 22; a `raise` in a function may quote any parameter. */
function safeMessage(message: string, report: ServerReport | undefined, context: FailureContext): string {
  let safe = redactUrls(message);
  if (report?.code?.startsWith("22")) safe = safe.replace(/"[\s\S]*"/, '"[value]"');
  for (const param of context.params ?? [])
    if (typeof param === "string" && param.length >= 4) safe = safe.replaceAll(param, "[value]");
  return safe;
}

/** A WebSocket fails with an event, whose useful part is inside. */
function causeOf(thrown: unknown): unknown {
  const inner = thrown instanceof Error ? undefined : (thrown as { error?: unknown } | null)?.error;
  return inner ?? thrown;
}

function describeFailure(thrown: unknown): string {
  const codes = codesOf(thrown);
  const message = describeThrown(thrown);
  return codes.length === 0 || codes.some((code) => message.includes(code)) ? message : `${message} (${codes[0]})`;
}
