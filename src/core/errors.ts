/** Every failure that leaves this package is an {@link IntegrationError}, told apart by its stable `code`. */

/** What a caller or a policy may do about a failure. */
export type Verdict = "retryable" | "throttled" | "auth" | "fatal" | "outcome-unknown";

export const errorCodes = [
  "CONFIG_INVALID",
  "INVALID_INPUT",
  "INVALID_OUTPUT",
  "RATE_LIMITED",
  "QUEUE_FULL",
  "CIRCUIT_OPEN",
  "ATTEMPT_TIMEOUT",
  "DEADLINE_EXCEEDED",
  "ABORTED",
  "NETWORK",
  "UPSTREAM_STATUS",
  "QUERY_FAILED",
  "OUTCOME_UNKNOWN",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "NOT_FOUND",
  "CONFLICT",
  "READ_ONLY",
  "FEATURE_DISABLED",
  "BUDGET_EXHAUSTED",
  "CLOSED",
] as const;
export type ErrorCode = (typeof errorCodes)[number];

export interface IntegrationErrorOptions {
  readonly code: ErrorCode;
  /** What happened, to what, and what to do next. Never holds a secret. */
  readonly message: string;
  /** @defaultValue the code's usual verdict, see {@link defaultVerdict} */
  readonly verdict?: Verdict | undefined;
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly callId?: string | undefined;
  /** Attempts made, the first included. */
  readonly attempts?: number | undefined;
  /** When the other side says that trying again makes sense, milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** HTTP status of the answer. */
  readonly status?: number | undefined;
  /** Five-character SQLSTATE of the database's answer. */
  readonly sqlState?: string | undefined;
  /** The request provably never reached the service: even a call that is not idempotent may be retried. */
  readonly notSent?: boolean | undefined;
  /** Machine-readable extras (a constraint's name, a vendor's code). Never a secret, never user data. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** Survives duplicate copies of the package (ESM beside CommonJS, two versions). */
const brand = Symbol.for("enhanced-integration.error");

/**
 * Every failure of this package: branch on {@link code}; docs/errors.md tells what each means and what to do.
 *
 * @example
 * try { await integration.neon.query`select 1`; }
 * catch (error) { if (IntegrationError.isInstance(error) && error.code === "CIRCUIT_OPEN") return cached; throw error; }
 */
export class IntegrationError extends Error {
  override readonly name: string = "IntegrationError";
  /** What happened; stable across versions. */
  readonly code: ErrorCode;
  /** What kind of failure it is, judged once, where it entered. */
  readonly verdict: Verdict;
  /** Who was called, e.g. `neon`. */
  readonly service?: string;
  /** What was asked, e.g. `query`. */
  readonly operation?: string;
  /** `integration.explain(callId)` tells the call's whole story. */
  readonly callId?: string;
  /** Attempts made, the first included. */
  readonly attempts?: number;
  /** When trying again makes sense, ms from when it was thrown. */
  readonly retryAfterMs?: number;
  /** HTTP status of the answer. */
  readonly status?: number;
  /** Five-character SQLSTATE of the database's answer. */
  readonly sqlState?: string;
  /** True: the request provably never reached the service. */
  readonly notSent?: boolean;
  /** Machine-readable extras: a constraint's name, a vendor's code. */
  readonly details?: Readonly<Record<string, unknown>>;

  constructor(options: IntegrationErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.verdict = options.verdict ?? defaultVerdict(options.code);
    if (options.service !== undefined) this.service = options.service;
    if (options.operation !== undefined) this.operation = options.operation;
    if (options.callId !== undefined) this.callId = options.callId;
    if (options.attempts !== undefined) this.attempts = options.attempts;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.status !== undefined) this.status = options.status;
    if (options.sqlState !== undefined) this.sqlState = options.sqlState;
    if (options.notSent !== undefined) this.notSent = options.notSent;
    if (options.details !== undefined) this.details = options.details;
  }

  /** True for our errors from any copy of this package, where `instanceof` may say no. */
  static isInstance(value: unknown): value is IntegrationError {
    return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[brand] === true;
  }

  /** The plain facts, without cause and stack: what may cross a process boundary. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, verdict, service, operation, callId, attempts, retryAfterMs, status, sqlState } = this;
    const facts = {
      name,
      code,
      verdict,
      message,
      service,
      operation,
      callId,
      attempts,
      retryAfterMs,
      status,
      sqlState,
    };
    return Object.fromEntries(Object.entries({ ...facts, details: this.details }).filter(([, v]) => v !== undefined));
  }
}

// On the prototype, because defining it on each error would double the price of one.
Object.defineProperty(IntegrationError.prototype, brand, { value: true });

/** One wrong setting: which, what is wrong with it, and how to mend it. */
export interface ConfigIssue {
  /** The variable. */
  readonly name: string;
  /** What is wrong with it, without its value where that may be secret. */
  readonly problem: string;
  /** What to do. */
  readonly hint: string;
}

/** Everything that is wrong with the settings, at once. */
export class ConfigError extends IntegrationError {
  override readonly name = "ConfigError";
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    const count = issues.length === 1 ? "1 problem" : `${issues.length} problems`;
    const lines = issues.map((issue) => `  ${issue.name}: ${issue.problem}\n    → ${issue.hint}`);
    super({ code: "CONFIG_INVALID", message: `The configuration has ${count}:\n${lines.join("\n")}` });
    this.issues = issues;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), issues: this.issues };
  }
}

/** The verdict that a code has when nothing more is known. */
export function defaultVerdict(code: ErrorCode): Verdict {
  switch (code) {
    case "NETWORK":
    case "ATTEMPT_TIMEOUT":
      return "retryable";
    case "RATE_LIMITED":
    case "QUEUE_FULL":
      return "throttled";
    case "UNAUTHENTICATED":
    case "FORBIDDEN":
      return "auth";
    case "OUTCOME_UNKNOWN":
      return "outcome-unknown";
    default:
      return "fatal";
  }
}

/** Fills in facts that an inner room could not know (service, attempts, call id). Keeps what is already there. */
export function annotateError(
  error: IntegrationError,
  facts: { service?: string; operation?: string; callId?: string; attempts?: number },
): IntegrationError {
  const target = error as { -readonly [K in keyof typeof facts]: (typeof facts)[K] };
  if (target.service === undefined && facts.service !== undefined) target.service = facts.service;
  if (target.operation === undefined && facts.operation !== undefined) target.operation = facts.operation;
  if (target.callId === undefined && facts.callId !== undefined) target.callId = facts.callId;
  if (target.attempts === undefined && facts.attempts !== undefined) target.attempts = facts.attempts;
  return error;
}

/** Turns whatever was thrown (a string, null, a vendor's object) into an error of ours, the original as its cause. */
export function toIntegrationError(
  thrown: unknown,
  fallback: Omit<IntegrationErrorOptions, "message" | "cause"> & { readonly message?: string },
): IntegrationError {
  if (IntegrationError.isInstance(thrown)) return thrown;
  return new IntegrationError({ ...fallback, message: fallback.message ?? describeThrown(thrown), cause: thrown });
}

/** A short sentence for anything that can be thrown. */
export function describeThrown(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  if (typeof thrown === "string") return thrown;
  const message = (thrown as { message?: unknown } | null)?.message;
  return typeof message === "string" && message !== ""
    ? message
    : `a value of type ${thrown === null ? "null" : typeof thrown} was thrown`;
}
