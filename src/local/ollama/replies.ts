/** An answer other than 200, in the words of the real server. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const nativeError = ({ status, message }: Refusal): Response => Response.json({ error: message }, { status });

const openAiTypes: Readonly<Record<number, string>> = { 400: "invalid_request_error", 404: "not_found_error" };

export const openAiError = ({ status, message }: Refusal): Response =>
  Response.json({ error: { message, type: openAiTypes[status] ?? "api_error", param: null, code: null } }, { status });

/** Ollama counts in nanoseconds. */
export const nanoseconds = (ms: number): number => Math.max(1, Math.round(ms * 1e6));

/** A body that is written piece by piece, each only when the client takes it. `ended` is called however it ends. */
export function streamed(
  pieces: AsyncGenerator<string, void, undefined>,
  contentType: string,
  ended: () => void = () => undefined,
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await pieces.next();
          if (!done) return controller.enqueue(encoder.encode(value));
        } catch (error) {
          ended();
          throw error;
        }
        ended();
        controller.close();
      },
      async cancel() {
        ended();
        await pieces.return();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": contentType } });
}
