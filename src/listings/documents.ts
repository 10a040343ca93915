import { type CallScopes, type Clock, IntegrationError } from "../core/index.ts";
import { type CallOptions, type Database, type FeatureSwitches, type FileStore, type Verifier } from "./ports.ts";
import { type Redelivery } from "./redelivery.ts";

export interface DocumentRequest {
  /** The owner's access token: storage and row both hold the owner to it. */
  readonly token: string;
  /** Below the owner's folder, e.g. `offers/2026-11.pdf`. */
  readonly path: string;
  readonly body: Uint8Array;
  /** @defaultValue application/octet-stream */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** Time for all of it, ms. @defaultValue 120000 */
  readonly deadlineMs?: number;
}

export interface StoredDocument {
  readonly id: string;
  readonly bucket: string;
  readonly path: string;
  readonly sizeBytes: number;
}

const BUCKET = "documents";
const DEADLINE_MS = 120_000;

/**
 * Keeps an object in storage and its row in the database consistent: a pending row, then the upload, then the
 * confirmation. Whatever a crash or an abort leaves is a pending row, never an object that nobody knows of; storing the
 * same path again settles it.
 */
export class Documents {
  readonly #database: Database;
  readonly #files: FileStore;
  readonly #verifier: Verifier;
  readonly #features: FeatureSwitches;
  readonly #redelivery: Redelivery;
  readonly #scopes: CallScopes;
  readonly #clock: Clock;

  constructor(deps: {
    database: Database;
    files: FileStore;
    verifier: Verifier;
    features: FeatureSwitches;
    redelivery: Redelivery;
    scopes: CallScopes;
    clock: Clock;
  }) {
    this.#database = deps.database;
    this.#files = deps.files;
    this.#verifier = deps.verifier;
    this.#features = deps.features;
    this.#redelivery = deps.redelivery;
    this.#scopes = deps.scopes;
    this.#clock = deps.clock;
  }

  /**
   * @throws IntegrationError FEATURE_DISABLED (ENABLE_FILE_STORAGE), INVALID_INPUT, UNAUTHENTICATED, or what the upload
   * ended with
   */
  store(request: DocumentRequest): Promise<StoredDocument> {
    const { signal, deadlineMs = DEADLINE_MS } = request;
    // A scope, because every call of all steps shall inherit signal and deadline.
    const scope = { deadlineAt: this.#clock.now() + deadlineMs, ...(signal && { signal }) };
    return this.#scopes.run(scope, () => this.#store(request));
  }

  async #store({ token, path: name, body, contentType = "application/octet-stream", signal }: DocumentRequest) {
    this.#features.require("fileStorage");
    checkPath(name);
    const { userId } = await this.#verifier.verify(token);
    const path = `${userId}/${name}`;
    const sizeBytes = body.byteLength;
    const call: CallOptions = signal ? { signal } : {};
    // Each step may be repeated without effect, so each is taken up again when its call gave up for a passing reason.
    const step = <T>(act: () => Promise<T>) => this.#redelivery.run(act, signal);
    const id = await step(() => this.#announce(token, { userId, path, contentType, sizeBytes }));
    try {
      await step(() => this.#files.upload({ bucket: BUCKET, path, body, contentType, upsert: true, token, ...call }));
    } catch (error) {
      if (isRefusal(error)) await this.#settle(token, id, "failed").catch(() => undefined);
      throw error;
    }
    await step(() => this.#settle(token, id, "stored"));
    return { id, bucket: BUCKET, path, sizeBytes };
  }

  async #announce(
    token: string,
    file: {
      readonly userId: string;
      readonly path: string;
      readonly contentType: string;
      readonly sizeBytes: number;
    },
  ): Promise<string> {
    const rows = await this.#database.asUser(token, (transaction) =>
      transaction.query<{ id: string }>(
        `insert into documents (user_id, bucket, path, content_type, size_bytes, status)
         values ($1, $2, $3, $4, $5, 'pending')
         on conflict (bucket, path) do update
            set status = 'pending', content_type = excluded.content_type, size_bytes = excluded.size_bytes,
                updated_at = now()
         returning id`,
        [file.userId, BUCKET, file.path, file.contentType, file.sizeBytes],
      ),
    );
    return rows[0]!.id;
  }

  async #settle(token: string, id: string, status: "stored" | "failed"): Promise<void> {
    await this.#database.asUser(token, (transaction) =>
      transaction.query("update documents set status = $2, updated_at = now() where id = $1", [id, status]),
    );
  }
}

/** The service said no: the object is certainly not there. Without an answer it may be, and the row stays pending. */
function isRefusal(error: unknown): boolean {
  if (!IntegrationError.isInstance(error)) return false;
  switch (error.code) {
    case "INVALID_INPUT":
    case "UPSTREAM_STATUS":
    case "UNAUTHENTICATED":
    case "FORBIDDEN":
    case "NOT_FOUND":
    case "CONFLICT":
      return error.verdict === "fatal" || error.verdict === "auth";
    default:
      return false;
  }
}

/** Before the row is announced, so that no row names a place that storage would refuse. */
function checkPath(path: string): void {
  const parts = path.split("/");
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (parts.every((part) => part !== "" && !/^\.\.?$/.test(part)) && !/[\x00-\x1f\x7f\\]/.test(path)) return;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message: `listings.documents: path must be parts separated by single slashes, none of them empty, '.' or '..', but is ${JSON.stringify(path)}`,
  });
}
