import { IntegrationError } from "../../core/index.ts";

/** @throws IntegrationError `INVALID_INPUT` */
export function checkBucket(bucket: unknown): string {
  if (typeof bucket === "string" && /^[\w!\-.*'() &$@=;:+,?]{1,100}$/.test(bucket) && !isDots(bucket)) return bucket;
  throw invalid("bucket", "a name of 1 to 100 letters, digits, spaces or !-.*'()&$@=;:+,?", bucket);
}

/**
 * Refuses paths whose URL would mean another place: `..` walks out of the bucket, an empty part vanishes.
 *
 * @throws IntegrationError `INVALID_INPUT`
 */
export function checkPath(path: unknown): string {
  const isGood = typeof path === "string" && path.split("/").every((part) => part !== "" && !isDots(part));
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (isGood && !/[\x00-\x1f\x7f\\]/.test(path)) return path;
  throw invalid("path", "parts separated by single slashes, none of them empty, '.' or '..'", path);
}

export function encodePath(bucket: string, path: string): string {
  return [bucket, ...path.split("/")].map(encodeURIComponent).join("/");
}

function isDots(part: string): boolean {
  return part === "." || part === "..";
}

function invalid(name: string, rule: string, received: unknown): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    service: "supabase",
    message: `supabase.storage: ${name} must be ${rule}, got ${JSON.stringify(received)}`,
  });
}
