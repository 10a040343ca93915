import { type z } from "zod";
import { applyQuirks, type Quirks } from "./quirks.ts";

/** Thrown by a handler: becomes the service's error envelope. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;

  constructor(status: number, code: string, message: string, details?: unknown) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }

  toResponse(): Response {
    const { code, message, details } = this;
    const error = { code, message, ...(details !== undefined && { details }) };
    return Response.json({ error }, { status: this.status });
  }
}

export function reply(value: unknown, quirks: Quirks, status = 200): Response {
  return Response.json(applyQuirks(value, quirks), { status });
}

/** @throws Refusal 400 with zod's issues, as the service does */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const text = issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`).join("; ");
  throw new Refusal(400, "INVALID_INPUT", text, issues);
}

/** @throws Refusal 400 */
export async function readJson<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const text = await request.text();
  let body: unknown;
  try {
    body = text === "" ? undefined : JSON.parse(text);
  } catch {
    throw new Refusal(400, "INVALID_INPUT", "the body is not JSON");
  }
  return parseInput(schema, body);
}

export function readQuery<T>(request: Request, schema: z.ZodType<T>): T {
  return parseInput(schema, Object.fromEntries(new URL(request.url).searchParams));
}
