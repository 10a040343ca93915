/** A refusal in the words of Supabase Auth. */
export class AuthFault extends Error {
  readonly status: number;
  readonly code: string;
  readonly extra: object;

  constructor(status: number, code: string, message: string, extra: object = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.extra = extra;
  }
}

const API_VERSION = "2024-01-01";

/** Clients that ask for the dated API version get `{ code, message }`; older ones `{ code: status, error_code, msg }`. */
export function renderAuthFault(thrown: unknown, request: Request): Response {
  const fault =
    thrown instanceof AuthFault
      ? thrown
      : new AuthFault(500, "unexpected_failure", "Unexpected failure in the stand-in");
  const { status, code, message, extra } = fault;
  const dated = (request.headers.get("x-supabase-api-version") ?? "") >= API_VERSION;
  const body = dated ? { code, message, ...extra } : { code: status, error_code: code, msg: message, ...extra };
  return Response.json(body, { status, headers: dated ? { "x-supabase-api-version": API_VERSION } : {} });
}

/** The body as an object; whatever is not JSON is refused. */
export async function readJson(request: Request): Promise<Record<string, unknown>> {
  const text = await request.text();
  if (text === "") return {};
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // refused below
  }
  throw new AuthFault(400, "bad_json", "Could not parse request body as JSON");
}
