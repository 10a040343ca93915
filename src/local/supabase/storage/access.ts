import { type Caller } from "../gateway.ts";
import { type Bucket, type StoredObject } from "./storage-context.ts";

/**
 * Who may do what, in place of row-level security: the service key everything; a user reads and writes the own folder
 * `<user id>/…` of a private bucket; a public bucket is read by all, written by users, changed by an object's owner.
 */
export function mayRead(caller: Caller, bucket: Bucket, name: string): boolean {
  return caller.kind === "service" || bucket.public || isOwnFolder(caller, name);
}

export function mayCreate(caller: Caller, bucket: Bucket, name: string): boolean {
  return caller.kind === "service" || (caller.kind === "user" && (bucket.public || isOwnFolder(caller, name)));
}

export function mayChange(caller: Caller, bucket: Bucket, object: StoredObject): boolean {
  if (caller.kind !== "user") return caller.kind === "service";
  return bucket.public ? object.ownerId === caller.userId : isOwnFolder(caller, object.name);
}

export function ownerOf(caller: Caller): string | null {
  return caller.kind === "user" ? caller.userId : null;
}

function isOwnFolder(caller: Caller, name: string): boolean {
  return caller.kind === "user" && name.startsWith(`${caller.userId}/`);
}
