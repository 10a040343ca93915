import { createHash } from "node:crypto";
import { type AttemptContext, IntegrationError } from "../../core/index.ts";
import { type CallOptions, type Operation, type SupabaseConnection } from "./connection.ts";
import { checkBucket, checkPath, encodePath } from "./object-path.ts";
import { readInfo } from "./stored-file.ts";

/** Bytes and texts can be sent again; what is read once (a stream, a Node `Readable`) cannot. */
export type UploadBody = Uint8Array | ArrayBuffer | Blob | string | AsyncIterable<Uint8Array>;

export interface UploadInput {
  readonly bucket: string;
  /** Without a leading slash. */
  readonly path: string;
  readonly body: UploadBody;
  /** @defaultValue "application/octet-stream" */
  readonly contentType?: string;
  /** Writes over what is there. @defaultValue false */
  readonly upsert?: boolean;
  /** A user's access token: the project's policies decide. @defaultValue none: the server's own key, with all its rights */
  readonly token?: string | undefined;
}

export interface UploadedFile {
  readonly id: string | undefined;
  readonly bucket: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** How long browsers may keep an object, as the vendor's client sets it. */
const CACHE_CONTROL = "max-age=3600";

export async function uploadObject(
  connection: SupabaseConnection,
  input: UploadInput,
  call: CallOptions | undefined,
): Promise<UploadedFile> {
  const upload = new Upload(connection, input);
  const { limits, transferTimeoutMs: deadlineMs, events } = connection.options;
  const operation: Operation = {
    operation: "storage.upload",
    deadlineMs,
    write: true,
    ...(upload.replayable ? { idempotent: true } : { maxAttempts: 1 }),
    ...(limits.upload && { limit: limits.upload }),
  };
  const id = await connection.run(operation, call, (context) => upload.attempt(context));
  events?.emit("storage.uploaded", { bucket: input.bucket, bytes: upload.size });
  return { id, bucket: input.bucket, path: input.path, size: upload.size };
}

/** One upload over its attempts: it remembers whether an earlier one may have succeeded unheard. */
class Upload {
  readonly #connection: SupabaseConnection;
  readonly #input: UploadInput;
  readonly #place: string;
  readonly #auth: Record<string, string>;
  readonly #contentType: string;
  readonly #body: Blob | ReadableStream<Uint8Array>;
  #streamed = 0;
  #inDoubt = false;

  constructor(connection: SupabaseConnection, input: UploadInput) {
    this.#connection = connection;
    this.#input = input;
    this.#place = encodePath(checkBucket(input.bucket), checkPath(input.path));
    this.#auth = connection.headers(input.token);
    const { body, contentType = "application/octet-stream" } = input;
    checkContent(body, contentType);
    this.#contentType = contentType;
    this.#body =
      typeof body === "object" && Symbol.asyncIterator in body
        ? ReadableStream.from(this.#counted(body))
        : new Blob([body]);
  }

  get replayable(): boolean {
    return this.#body instanceof Blob;
  }

  /** Bytes, of a stream those sent so far. */
  get size(): number {
    return this.#body instanceof Blob ? this.#body.size : this.#streamed;
  }

  async attempt({ signal }: AttemptContext): Promise<string | undefined> {
    const { storageUrl } = this.#connection.options;
    const { upsert = false } = this.#input;
    const headers = {
      ...this.#auth,
      "content-type": this.#contentType,
      "cache-control": CACHE_CONTROL,
      "x-upsert": String(upsert),
    };
    const url = `${storageUrl}/object/${this.#place}`;
    try {
      const request = { method: "POST", url, headers, body: this.#body, signal } as const;
      const { Id: id } = await this.#connection.http.json<{ Id?: unknown }>(request);
      return typeof id === "string" ? id : undefined;
    } catch (error) {
      if (!IntegrationError.isInstance(error)) throw error;
      if (error.code === "CONFLICT" && this.#inDoubt) return this.#compare(error, signal);
      this.#inDoubt ||= error.verdict === "retryable" && error.notSent !== true;
      throw error;
    }
  }

  /** The name is taken, and an earlier attempt of ours got no answer: was it us? */
  async #compare(conflict: IntegrationError, signal: AbortSignal): Promise<string | undefined> {
    const url = `${this.#connection.options.storageUrl}/object/info/${this.#place}`;
    const stored = await this.#connection.http
      .json({ method: "GET", url, headers: this.#auth, signal })
      .then(readInfo, (cause: unknown) => {
        throw this.#unknown("what is stored there could not be read", cause);
      });
    if (stored.size !== this.size) throw conflict;
    if (!/^[0-9a-f]{32}$/.test(stored.etag ?? ""))
      throw this.#unknown("it was stored in parts, and its checksum cannot be compared", conflict);
    const bytes = new Uint8Array(await (this.#body as Blob).arrayBuffer());
    if (stored.etag !== createHash("md5").update(bytes).digest("hex")) throw conflict;
    return stored.id;
  }

  #unknown(why: string, cause: unknown): IntegrationError {
    const { bucket, path } = this.#input;
    return new IntegrationError({
      code: "OUTCOME_UNKNOWN",
      service: "supabase",
      message: `supabase.storage: "${path}" in "${bucket}" is taken, perhaps by this very upload, whose answer was lost; ${why}. Look at it, or upload with upsert`,
      cause,
    });
  }

  async *#counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      this.#streamed += chunk.length;
      yield chunk;
    }
  }
}

function checkContent(body: unknown, contentType: unknown): void {
  const problem =
    typeof body !== "string" && (typeof body !== "object" || body === null)
      ? "body must be bytes, a blob, a text or a stream"
      : typeof contentType !== "string" || !/^[\w.+-]+\/[\w.+-]+\s*(;[\x20-\x7e]*)?$/.test(contentType)
        ? "contentType must be a media type such as image/png"
        : undefined;
  if (problem !== undefined)
    throw new IntegrationError({ code: "INVALID_INPUT", service: "supabase", message: `supabase.storage: ${problem}` });
}
