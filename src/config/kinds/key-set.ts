import { accepted, type Kind, refused } from "./kind.ts";

/** Public keys as RFC 7517 writes them. */
export interface KeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** Members of a JSON Web Key that only its owner may know (RFC 7518 §6). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** An inline JSON Web Key Set. Never shown as text: a private key pasted by mistake must not leak. */
export const publicKeySet: Kind<KeySet> = {
  expects: 'a JSON Web Key Set: {"keys":[…]}',
  sensitive: true,
  parse(text) {
    const value = parseJson(text);
    const keys: unknown = Array.isArray(value) ? value : (value as { keys?: unknown } | undefined)?.keys;
    if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isKey)) return refused("is not a JSON Web Key Set");
    return keys.some((key) => privateMembers.some((member) => member in key))
      ? refused("holds a private key", "give the public keys only, as /auth/v1/.well-known/jwks.json serves them")
      : accepted({ keys });
  },
  show: ({ keys }) => (keys.length === 1 ? "1 key" : `${keys.length} keys`),
};

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined; // the error would repeat the text
  }
}

function isKey(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && typeof (value as { kty?: unknown }).kty === "string";
}
