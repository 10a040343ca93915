import { type CallOptions, type ProjectRequest, type SupabaseConnection } from "./connection.ts";

export interface DownloadedFile {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
}

export interface FileStream {
  readonly body: AsyncGenerator<Uint8Array, void, undefined>;
  readonly contentType: string;
  /** Bytes, if the service said so. */
  readonly size: number | undefined;
}

export async function streamObject(
  connection: SupabaseConnection,
  request: ProjectRequest,
  deadlineMs: number,
  call: CallOptions | undefined,
): Promise<FileStream> {
  const operation = { operation: "storage.stream", idempotent: true, deadlineMs };
  // The head travels as the stream's first item, so that one call covers both.
  const items = connection.stream(operation, call, async function* ({ signal }) {
    const response = await connection.http.send({ ...request, signal });
    yield response.headers;
    const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
    try {
      for (;;) {
        const next = await connection.http.read({ ...request, signal }, async () => reader?.read());
        if (!next?.value) return;
        yield next.value;
      }
    } finally {
      await reader?.cancel().catch(() => undefined);
    }
  });
  const head = (await items.next()).value as Headers;
  const size = Number(head.get("content-length") ?? NaN);
  return {
    body: items as FileStream["body"],
    contentType: head.get("content-type") ?? "application/octet-stream",
    size: Number.isNaN(size) ? undefined : size,
  };
}
