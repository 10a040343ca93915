/** What is known of a stored object. */
export interface StoredFile {
  readonly id: string | undefined;
  /** Bytes. */
  readonly size: number | undefined;
  readonly contentType: string | undefined;
  /** Without its quotes. The MD5 of the bytes, unless the service stored them in several parts. */
  readonly etag: string | undefined;
  /** ISO 8601 */
  readonly updatedAt: string | undefined;
}

/** One entry of a folder. */
export interface StorageEntry extends StoredFile {
  readonly kind: "file" | "folder";
  readonly name: string;
}

export function readInfo(answer: unknown): StoredFile {
  const row = recordOf(answer);
  return {
    id: textOf(row["id"]),
    size: numberOf(row["size"]),
    contentType: textOf(row["content_type"]),
    etag: textOf(row["etag"])?.replaceAll('"', ""),
    updatedAt: textOf(row["updated_at"]) ?? textOf(row["last_modified"]),
  };
}

export function readEntry(row: Record<string, unknown>): StorageEntry {
  const metadata = recordOf(row["metadata"]);
  const { size, mimetype, eTag: etag } = metadata;
  const facts = readInfo({ id: row["id"], size, content_type: mimetype, etag, updated_at: row["updated_at"] });
  return { kind: facts.id === undefined ? "folder" : "file", name: textOf(row["name"]) ?? "", ...facts };
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
