import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Clock } from "../../../core/index.ts";
import { type Caller, type Gateway } from "../gateway.ts";
import { Snapshot } from "../snapshot.ts";
import { type Tokens } from "../tokens.ts";
import { type Blobs, FolderBlobs, MemoryBlobs } from "./blobs.ts";
import { faults } from "./storage-fault.ts";

export interface Bucket {
  readonly id: string;
  public: boolean;
  fileSizeLimit: number | null;
  allowedMimeTypes: string[] | null;
  readonly createdAt: string;
  updatedAt: string;
}

export interface StoredObject {
  readonly id: string;
  readonly bucket: string;
  readonly name: string;
  readonly ownerId: string | null;
  /** Names the bytes; a new upload gets a new one, so that a crash leaves old bytes or new ones. */
  readonly blob: string;
  readonly size: number;
  readonly contentType: string;
  readonly cacheControl: string;
  /** Quoted MD5, as S3 gives it to objects uploaded in one part. */
  readonly etag: string;
  readonly userMetadata: Record<string, unknown>;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What an upload brings. */
export interface Upload {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly userMetadata: Record<string, unknown>;
}

interface StorageState {
  readonly buckets: Bucket[];
  readonly objects: StoredObject[];
}

export interface StorageOptions {
  readonly dataDir: string | undefined;
  readonly tokens: Tokens;
  readonly gateway: Gateway;
  readonly clock: Clock;
}

/** The plan's buckets, there from the start. */
const INITIAL_BUCKETS = [
  { id: "listing-images", public: true },
  { id: "documents", public: false },
  { id: "exports", public: false },
];

/** What the storage endpoints share: buckets, objects and their bytes, and who is asking. */
export class StorageContext {
  readonly tokens: Tokens;
  readonly #gateway: Gateway;
  readonly #clock: Clock;
  readonly #blobs: Blobs;
  readonly #buckets: Map<string, Bucket>;
  readonly #objects: Map<string, StoredObject>;
  readonly #snapshot: Snapshot<StorageState>;

  private constructor(options: StorageOptions, blobs: Blobs, state: StorageState | undefined) {
    this.tokens = options.tokens;
    this.#gateway = options.gateway;
    this.#clock = options.clock;
    this.#blobs = blobs;
    const now = this.timestamp();
    const fresh = { fileSizeLimit: null, allowedMimeTypes: null, createdAt: now, updatedAt: now };
    const buckets = state?.buckets ?? INITIAL_BUCKETS.map((bucket) => ({ ...bucket, ...fresh }));
    this.#buckets = new Map(buckets.map((bucket) => [bucket.id, bucket]));
    this.#objects = new Map(state?.objects.map((object) => [keyOf(object.bucket, object.name), object]));
    const file = options.dataDir && join(options.dataDir, "storage.json");
    this.#snapshot = new Snapshot(file, () => ({ buckets: this.buckets(), objects: [...this.#objects.values()] }));
  }

  static async open(options: StorageOptions): Promise<StorageContext> {
    const { dataDir } = options;
    if (dataDir === undefined) return new StorageContext(options, new MemoryBlobs(), undefined);
    const state = await Snapshot.load<StorageState>(join(dataDir, "storage.json"));
    const known = new Set(state?.objects.map(({ blob }) => blob));
    return new StorageContext(options, await FolderBlobs.open(join(dataDir, "objects"), known), state);
  }

  save(): Promise<void> {
    return this.#snapshot.save();
  }

  timestamp(): string {
    return new Date(this.#clock.wallNow()).toISOString();
  }

  /** @throws StorageFault `AccessDenied` for a token that proves nothing */
  async callerOf(request: Request): Promise<Exclude<Caller, { kind: "doubtful" }>> {
    const caller = await this.#gateway.identify(request);
    if (caller.kind === "doubtful") throw faults.denied(caller.reason);
    return caller;
  }

  buckets(): Bucket[] {
    return [...this.#buckets.values()];
  }

  hasBucket(id: string): boolean {
    return this.#buckets.has(id);
  }

  bucket(id: string): Bucket {
    const bucket = this.#buckets.get(id);
    if (!bucket) throw faults.noSuchBucket();
    return bucket;
  }

  setBucket(bucket: Bucket): void {
    this.#buckets.set(bucket.id, bucket);
  }

  deleteBucket(id: string): void {
    this.#buckets.delete(id);
  }

  find(bucket: string, name: string): StoredObject | undefined {
    return this.#objects.get(keyOf(bucket, name));
  }

  /** Ordered by name. */
  objectsOf(bucket: string): StoredObject[] {
    const own = [...this.#objects.values()].filter((object) => object.bucket === bucket);
    return own.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async bytesOf(object: StoredObject): Promise<Uint8Array> {
    const bytes = await this.#blobs.get(object.blob);
    if (!bytes) throw faults.noSuchKey();
    return bytes;
  }

  /** Writes the bytes, then the row that names them. @throws StorageFault `KeyAlreadyExists` unless `replace` */
  async store(
    place: {
      readonly bucket: string;
      readonly name: string;
      readonly ownerId: string | null;
      readonly replace: boolean;
    },
    upload: Upload,
  ): Promise<StoredObject> {
    const { bucket, name, ownerId } = place;
    const { bytes, ...facts } = upload;
    const blob = randomUUID();
    await this.#blobs.put(blob, bytes);
    const old = this.find(bucket, name);
    if (old && !place.replace) {
      await this.#blobs.delete(blob);
      throw faults.keyExists();
    }
    const now = this.timestamp();
    const object: StoredObject = {
      ...facts,
      id: old?.id ?? randomUUID(),
      bucket,
      name,
      ownerId: old?.ownerId ?? ownerId,
      blob,
      size: bytes.length,
      etag: `"${createHash("md5").update(bytes).digest("hex")}"`,
      createdAt: old?.createdAt ?? now,
      updatedAt: now,
    };
    this.#objects.set(keyOf(bucket, name), object);
    await this.save();
    if (old) await this.#blobs.delete(old.blob);
    return object;
  }

  /** Gives an object another name; its bytes stay where they are. */
  async move(object: StoredObject, bucket: string, name: string): Promise<StoredObject> {
    if (this.find(bucket, name)) throw faults.keyExists();
    const moved = { ...object, bucket, name, updatedAt: this.timestamp() };
    this.#objects.delete(keyOf(object.bucket, object.name));
    this.#objects.set(keyOf(bucket, name), moved);
    await this.save();
    return moved;
  }

  /** Takes the rows away, then their bytes. */
  async remove(objects: readonly StoredObject[]): Promise<void> {
    for (const { bucket, name } of objects) this.#objects.delete(keyOf(bucket, name));
    await this.save();
    for (const { blob } of objects) await this.#blobs.delete(blob);
  }
}

/** A bucket's name holds no slash, so that no two places share a key. */
function keyOf(bucket: string, name: string): string {
  return `${bucket}/${name}`;
}
