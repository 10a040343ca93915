import { type Clock } from "../core/index.ts";
import { type CallOptions, type Database, type FeatureSwitches, type FileStore, type Verifier } from "./ports.ts";
import { redeliver } from "./redelivery.ts";

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
  readonly #clock: Clock;

  constructor(deps: {
    database: Database;
    files: FileStore;
    verifier: Verifier;
    features: FeatureSwitches;
    clock: Clock;
  }) {
    this.#database = deps.database;
    this.#files = deps.files;
    this.#verifier = deps.verifier;
    this.#features = deps.features;
    this.#clock = deps.clock;
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
    // Each step may be repeated without effect, so each is taken up again when its call gave up for a passing reason.
    const step = <T>(act: () => Promise<T>) => redeliver(act, this.#clock, request.signal);
    const id = await step(() => this.#announce(token, { userId, path, contentType, sizeBytes: body.byteLength }));
    try {
      await step(() => this.#files.upload({ bucket: BUCKET, path, body, contentType, upsert: true, token, ...call }));
    } catch (error) {
      await this.#settle(token, id, "failed").catch(() => undefined);
      throw error;
    }
    await step(() => this.#settle(token, id, "stored"));
    return { id, bucket: BUCKET, path, sizeBytes: body.byteLength };
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
