/** A refusal in PostgREST's own shape. */
export class PgrstFault extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: string | null;
  readonly hint: string | null;

  constructor(
    status: number,
    code: string,
    message: string,
    { details = null, hint = null }: { readonly details?: string | null; readonly hint?: string | null } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
    this.hint = hint;
  }
}

/** What the query string says cannot be read, or is more than the stand-in knows. */
export function unreadable(what: string): PgrstFault {
  return new PgrstFault(400, "PGRST100", `"failed to parse ${what}"`);
}

export function unsupported(what: string): PgrstFault {
  const hint = "ask the database itself: neon.query, neon.asUser";
  return new PgrstFault(400, "PGRST100", `the local Data API does not know ${what}`, { hint });
}

/** Statuses by SQLSTATE, longest prefix first, as PostgREST's documentation lists them. */
const statuses: Readonly<Record<string, number>> = {
  ...{ "23503": 409, "23505": 409, "25006": 405, "42883": 404, "42P01": 404, "42P17": 500, P0001: 400, "53400": 500 },
  ...{ "08": 503, "25": 500, "28": 403, "38": 500, "39": 500, "40": 500, "53": 503, "54": 500, "55": 500, "57": 500 },
  ...{ "58": 500, F0: 500, HV: 500, P0: 500, XX: 500 },
};

export function renderFault(thrown: unknown, isAnonymous: boolean): Response {
  if (thrown instanceof PgrstFault) {
    const { status, code, message, details, hint } = thrown;
    const challenge = status === 401 ? { headers: { "www-authenticate": "Bearer" } } : {};
    return Response.json({ code, message, details, hint }, { status, ...challenge });
  }
  const { code, message, detail = null, hint = null } = (thrown ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || !/\d/.test(code))
    return Response.json(
      { code: "PGRST000", message: "Database connection error. Retrying the connection.", details: null, hint: null },
      { status: 503 },
    );
  const denied = code === "42501" ? (isAnonymous ? 401 : 403) : undefined;
  const status = denied ?? statuses[code] ?? statuses[code.slice(0, 2)] ?? 400;
  // `detail`, as Neon writes it; PostgREST has `details`.
  return Response.json({ code, message, detail, hint }, { status });
}
