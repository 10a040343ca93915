import { Secret } from "../../core/index.ts";
import { accepted, type Kind, type Parsed, refused } from "./kind.ts";

/** What stands for a secret wherever people look. */
export const REDACTED = "[secret]";

/** Anything shorter was typed by hand or cut off. */
const MIN_API_KEY_LENGTH = 8;
/** 256 bits as hexadecimal halves, or HS256's minimum in bytes. */
const MIN_SIGNING_SECRET_LENGTH = 32;

const strongHint = "generate one with: openssl rand -base64 32";

/** A key that a service gave out. It travels in a header: printable ASCII without blanks. */
export function apiKey(inspect: (key: string) => Parsed<undefined> = () => accepted(undefined)): Kind<Secret> {
  return {
    expects: "the key that the service gave you",
    sensitive: true,
    parse(text) {
      if (!/^[\x21-\x7e]+$/.test(text)) return refused("holds blanks, line breaks or characters outside ASCII");
      if (text.length < MIN_API_KEY_LENGTH) return refused(`is shorter than ${MIN_API_KEY_LENGTH} characters`);
      const verdict = inspect(text);
      return verdict.ok ? accepted(new Secret(text), verdict.warning) : verdict;
    },
    show: () => REDACTED,
  };
}

/** A secret of our own that signs or encrypts. */
export const signingSecret: Kind<Secret> = {
  expects: `at least ${MIN_SIGNING_SECRET_LENGTH} random characters`,
  sensitive: true,
  parse: (text) =>
    text.length < MIN_SIGNING_SECRET_LENGTH
      ? refused(`is shorter than ${MIN_SIGNING_SECRET_LENGTH} characters`, strongHint)
      : accepted(new Secret(text)),
  show: () => REDACTED,
};

/** A Supabase key for one of the two roles. Mixing them up would either break calls or hand out the whole database. */
export function supabaseKey(role: "anon" | "service_role"): Kind<Secret> {
  const wrongPrefix = role === "anon" ? "sb_secret_" : "sb_publishable_";
  return apiKey((key) => {
    const actual = key.startsWith(wrongPrefix) ? "other" : (jwtRole(key) ?? role);
    if (actual === role) return accepted(undefined);
    return role === "anon"
      ? refused("is a secret key, which bypasses row-level security", "use the anon or publishable key here")
      : refused("is a public key, which has no admin rights", "use the service_role or secret key here");
  });
}

/** A JSON Web Token in its compact form. */
export const jsonWebToken: Kind<Secret> = apiKey((token) =>
  /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)
    ? accepted(undefined)
    : refused("is not a JSON Web Token", "the Data API takes a JWT; NEON_API_KEY is for the management API"),
);

/** The role that a legacy key, itself a JWT, claims; only `anon` and `service_role` tell keys apart. */
function jwtRole(key: string): string | undefined {
  const payload = key.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    const role = (claims as { role?: unknown } | null)?.role;
    return role === "anon" || role === "service_role" ? role : undefined;
  } catch {
    return undefined;
  }
}
