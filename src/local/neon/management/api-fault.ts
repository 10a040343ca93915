import { randomUUID } from "node:crypto";

/** A refusal in the API's own shape. */
export class ApiFault extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, message: string, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function renderApiFault(thrown: unknown): Response {
  const requestId = randomUUID();
  const fault = thrown instanceof ApiFault ? thrown : new ApiFault(500, "internal server error", "INTERNAL");
  return Response.json(
    { request_id: requestId, code: fault.code, message: fault.message },
    { status: fault.status, headers: { "x-request-id": requestId } },
  );
}
