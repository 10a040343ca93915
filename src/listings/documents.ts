import { type CallOptions, type Database, type FeatureSwitches, type FileStore, type Verifier } from "./ports.ts";

export interface DocumentRequest extends CallOptions {
  /** The owner's access token: storage and row both hold the owner to it. */
  readonly token: string;
  /** Below the owner's folder, e.g. `offers/2026-11.pdf`. */
  readonly path: string;
  readonly body: Uint8Array;
  /** @defaultValue application/octet-stream */
  readonly contentType?: string;
}

export interface StoredDocument {
  readonly id: string;
  readonly bucket: string;
  readonly path: string;
  readonly sizeBytes: number;
}

const BUCKET = "documents";

/**
 * Keeps an object in storage and its row in the database consistent: a pending row, then the upload, then the
 * confirmation. Whatever a crash leaves is a pending row, never an object that nobody knows of; storing the same path
 * again settles it.
 */
export class Documents {
  readonly #database: Database;
  readonly #files: FileStore;
  readonly #verifier: Verifier;
  readonly #features: FeatureSwitches;

  constructor(deps: { database: Database; files: FileStore; verifier: Verifier; features: FeatureSwitches }) {
    this.#database = deps.database;
    this.#files = deps.files;
    this.#verifier = deps.verifier;
    this.#features = deps.features;
  }

  /** @throws IntegrationError FEATURE_DISABLED (ENABLE_FILE_STORAGE), UNAUTHENTICATED, or what the upload ended with */
  async store(request: DocumentRequest): Promise<StoredDocument> {
    this.#features.require("fileStorage");
    const { token, body, contentType = "application/octet-stream" } = request;
    const { userId } = await this.#verifier.verify(token);
    const path = `${userId}/${request.path}`;
    const call: CallOptions = {
      ...(request.signal && { signal: request.signal }),
      ...(request.deadlineMs !== undefined && { deadlineMs: request.deadlineMs }),
    };
    const rows = await this.#database.asUser(token, (transaction) =>
      transaction.query<{ id: string }>(
        `insert into documents (user_id, bucket, path, content_type, size_bytes, status) values ($1, $2, $3, $4, $5, 'pending')
         on conflict (bucket, path) do update
            set status = 'pending', content_type = excluded.content_type, size_bytes = excluded.size_bytes, updated_at = now()
         returning id`,
        [userId, BUCKET, path, contentType, body.byteLength],
      ),
    );
    const { id } = rows[0]!;
    try {
      await this.#files.upload({ bucket: BUCKET, path, body, contentType, upsert: true, token, ...call });
    } catch (error) {
      await this.#settle(token, id, "failed").catch(() => undefined);
      throw error;
    }
    await this.#settle(token, id, "stored");
    return { id, bucket: BUCKET, path, sizeBytes: body.byteLength };
  }

  async #settle(token: string, id: string, status: "stored" | "failed"): Promise<void> {
    await this.#database.asUser(token, (transaction) =>
      transaction.query("update documents set status = $2, updated_at = now() where id = $1", [id, status]),
    );
  }
}
