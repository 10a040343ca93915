import { IntegrationError } from "../../core/index.ts";
import { BucketVersions } from "./bucket-versions.ts";
import { type BucketSettings, ensureBucket } from "./ensure-bucket.ts";
import { type CallOptions, type ProjectRequest, type ReadCallOptions, type SupabaseConnection } from "./connection.ts";
import { type DownloadedFile, type FileStream, streamObject } from "./download.ts";
import { checkBucket, checkPath, encodePath } from "./object-path.ts";
import { readEntry, readInfo, type StorageEntry, type StoredFile } from "./stored-file.ts";
import { type UploadedFile, type UploadInput, uploadObject } from "./upload.ts";

/** Where an object is, and on whose behalf it is asked for. */
export interface ObjectPlace {
  readonly bucket: string;
  /** Without a leading slash. */
  readonly path: string;
  /** A user's access token: the project's policies decide. @defaultValue none: the server's own key, with all its rights */
  readonly token?: string | undefined;
}

export interface ListInput {
  readonly bucket: string;
  /** A folder. @defaultValue the top */
  readonly prefix?: string;
  /** Only names that begin so. */
  readonly search?: string;
  /** @defaultValue 100 */
  readonly limit?: number;
  /** @defaultValue 0 */
  readonly offset?: number;
  readonly token?: string | undefined;
}

/** The service takes no more names in one deletion. */
const MAX_REMOVALS = 1000;
/** Names of one folder that are asked for at once. */
const LIST_PAGE = 1000;

/**
 * Files in the project's storage. What is read with `{ cache: true }` is shared by those who ask with the same token, and
 * forgotten when this client writes to its bucket.
 */
export class SupabaseStorage {
  readonly #connection: SupabaseConnection;
  readonly #versions = new BucketVersions();

  constructor(connection: SupabaseConnection) {
    this.#connection = connection;
  }

  /**
   * Stores an object. Retried if the body can be sent twice (a stream cannot); if an answer is lost and the next
   * attempt finds the name taken, the stored object is compared with ours: equal is success.
   *
   * @throws IntegrationError `CONFLICT` if the name is taken and `upsert` is not set; `INVALID_INPUT` beyond the bucket's
   * limits; `FORBIDDEN` by policy; `OUTCOME_UNKNOWN` if the taken name may hold our own bytes and nobody can tell
   */
  upload(input: UploadInput, call?: CallOptions): Promise<UploadedFile> {
    return this.#writing(input.bucket, uploadObject(this.#connection, input, call));
  }

  /** Reads an object whole. For large ones see {@link stream}. @throws IntegrationError `NOT_FOUND`, also where a policy hides it */
  async download(place: ObjectPlace, call?: ReadCallOptions): Promise<DownloadedFile> {
    const request = this.#request("GET", "/object/", place);
    const operation = { operation: "storage.download", idempotent: true, deadlineMs: this.#transferMs };
    return this.#connection.read(operation, call, this.#facts(place.bucket, request), async ({ signal }) => {
      const { http } = this.#connection;
      const response = await http.send({ ...request, signal });
      const bytes = new Uint8Array(await http.read({ ...request, signal }, () => response.arrayBuffer()));
      const contentType = response.headers.get("content-type") ?? "application/octet-stream";
      return { bytes, contentType, size: bytes.length };
    });
  }

  /**
   * Reads an object piece by piece. The deadline holds to the last piece; leaving the loop ends the transfer.
   *
   * @throws IntegrationError `NOT_FOUND`; once pieces have come, a failure is final
   * @example
   * const { body } = await supabase.storage.stream({ bucket: "exports", path: "all.csv" });
   * for await (const chunk of body) hash.update(chunk);
   */
  async stream(place: ObjectPlace, call?: CallOptions): Promise<FileStream> {
    return streamObject(this.#connection, this.#request("GET", "/object/", place), this.#transferMs, call);
  }

  /** An URL that opens one object to whoever holds it, until `expiresAt` (seconds since the epoch). */
  async sign(
    input: ObjectPlace & { readonly expiresInSeconds: number },
    call?: CallOptions,
  ): Promise<{ url: string; expiresAt: number }> {
    const { expiresInSeconds: expiresIn, bucket, path } = input;
    if (!(Number.isInteger(expiresIn) && expiresIn >= 1))
      throw invalid(`expiresInSeconds must be a whole number of at least 1, got ${expiresIn}`);
    const { clock, storageUrl } = this.#connection.options;
    const expiresAt = Math.floor(clock.wallNow() / 1000) + expiresIn;
    const operation = { operation: "storage.sign", idempotent: true };
    const request = { ...this.#request("POST", "/object/sign/", input), json: { expiresIn } };
    const { signedURL } = await this.#connection.json<{ signedURL?: unknown }>(operation, call, request);
    const token = typeof signedURL === "string" ? /[?&]token=([^&]+)/.exec(signedURL)?.[1] : undefined;
    if (token === undefined) throw unusable("storage.sign");
    return { url: `${storageUrl}/object/sign/${encodePath(bucket, path)}?token=${token}`, expiresAt };
  }

  /** Where everybody finds an object of a public bucket. No request is made. */
  publicUrl({ bucket, path }: Pick<ObjectPlace, "bucket" | "path">): string {
    return `${this.#connection.options.storageUrl}/object/public/${encodePath(checkBucket(bucket), checkPath(path))}`;
  }

  /** What is known of an object, without its bytes. @throws IntegrationError `NOT_FOUND` */
  async info(place: ObjectPlace, call?: ReadCallOptions): Promise<StoredFile> {
    return readInfo(await this.#read("info", place.bucket, call, this.#request("GET", "/object/info/", place)));
  }

  /** Deletes objects. @returns the paths that were there and could be deleted */
  async remove(
    input: { readonly bucket: string; readonly paths: readonly string[]; readonly token?: string | undefined },
    call?: CallOptions,
  ): Promise<string[]> {
    const { bucket, paths, token } = input;
    if (paths.length === 0) return [];
    if (paths.length > MAX_REMOVALS) throw invalid(`at most ${MAX_REMOVALS} paths at once, got ${paths.length}`);
    const prefixes = paths.map(checkPath);
    const request = { ...this.#bucketRequest("DELETE", "/object/", bucket, token), json: { prefixes } };
    const operation = { operation: "storage.remove", idempotent: true, write: true };
    const removed = listOf(await this.#writing(bucket, this.#connection.json(operation, call, request)));
    const bytes = removed.reduce((sum, row) => sum + (readEntry(row).size ?? 0), 0);
    this.#connection.options.events?.emit("storage.removed", { bucket, bytes });
    return removed.flatMap(({ name }) => (typeof name === "string" ? [name] : []));
  }

  /** The entries of one folder, by name. */
  async list(input: ListInput, call?: ReadCallOptions): Promise<StorageEntry[]> {
    const { bucket, prefix = "", search, limit = 100, offset = 0, token } = input;
    const json = { prefix, limit, offset, sortBy: { column: "name", order: "asc" }, ...(search && { search }) };
    const request = { ...this.#bucketRequest("POST", "/object/list/", bucket, token), json };
    return listOf(await this.#read("list", bucket, call, request)).map(readEntry);
  }

  /** Forgets cached reads of a bucket, or of all. For writes made elsewhere. */
  forget(bucket?: string): void {
    this.#versions.wrote(bucket);
  }

  /**
   * Counts a bucket: all its objects in all its folders, asked for page by page (1,000 names each). The metric of its
   * usage, which else only follows this process's uploads and removals, is set to it.
   */
  async usage(
    input: { readonly bucket: string; readonly token?: string | undefined },
    call?: CallOptions,
  ): Promise<{ readonly objects: number; readonly bytes: number }> {
    let objects = 0;
    let bytes = 0;
    const folders = [""];
    for (let prefix = folders.pop(); prefix !== undefined; prefix = folders.pop())
      for (let offset = 0, isLast = false; !isLast; offset += LIST_PAGE) {
        const entries = await this.list({ ...input, prefix, offset, limit: LIST_PAGE }, call);
        for (const { kind, name, size = 0 } of entries) {
          if (kind === "folder") folders.push(prefix === "" ? name : `${prefix}/${name}`);
          else objects += 1;
          bytes += size;
        }
        isLast = entries.length < LIST_PAGE;
      }
    this.#connection.options.events?.emit("storage.measured", { bucket: input.bucket, bytes });
    return { objects, bytes };
  }

  /**
   * Makes sure that a bucket exists with these settings; doing it again changes nothing.
   *
   * @throws IntegrationError `FEATURE_DISABLED` without the secret key
   */
  ensureBucket(settings: BucketSettings, call?: CallOptions): Promise<"created" | "updated" | "unchanged"> {
    return ensureBucket(this.#connection, settings, call);
  }

  get #transferMs(): number {
    return this.#connection.options.transferTimeoutMs;
  }

  #read(name: string, bucket: string, call: ReadCallOptions | undefined, request: ProjectRequest): Promise<unknown> {
    const operation = { operation: `storage.${name}`, idempotent: true };
    return this.#connection.read<unknown>(operation, call, this.#facts(bucket, request), ({ signal }) =>
      this.#connection.http.json({ ...request, signal }),
    );
  }

  /** What an answer depends on: the question, whose it is, and what was written since. */
  #facts(bucket: string, { url, headers, json }: ProjectRequest): readonly unknown[] {
    return [String(url), headers, json, this.#versions.of(bucket)];
  }

  /** Whatever comes of a write, something may have changed. */
  async #writing<T>(bucket: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      this.#versions.wrote(bucket);
    }
  }

  #request(method: ProjectRequest["method"], prefix: string, { bucket, path, token }: ObjectPlace): ProjectRequest {
    const url = `${this.#connection.options.storageUrl}${prefix}${encodePath(checkBucket(bucket), checkPath(path))}`;
    return { method, url, headers: this.#connection.headers(token) };
  }

  #bucketRequest(
    method: ProjectRequest["method"],
    prefix: string,
    bucket: string,
    token: string | undefined,
  ): ProjectRequest {
    const url = `${this.#connection.options.storageUrl}${prefix}${encodeURIComponent(checkBucket(bucket))}`;
    return { method, url, headers: this.#connection.headers(token) };
  }
}

function listOf(answer: unknown): Record<string, unknown>[] {
  return Array.isArray(answer) ? (answer as Record<string, unknown>[]) : [];
}

function invalid(problem: string): IntegrationError {
  return new IntegrationError({ code: "INVALID_INPUT", service: "supabase", message: `supabase.storage: ${problem}` });
}

function unusable(operation: string): IntegrationError {
  const message = `supabase.${operation}: the service's answer could not be understood`;
  return new IntegrationError({ code: "INVALID_OUTPUT", service: "supabase", operation, message });
}
