import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { AuthFault } from "./auth-fault.ts";

/** The project's default, supabase/auth `PASSWORD_MIN_LENGTH`. */
const MIN_LENGTH = 6;
const HASH_BYTES = 32;

/** @throws AuthFault `weak_password` */
export function checkStrength(password: string): void {
  if (password.length >= MIN_LENGTH) return;
  const message = `Password should be at least ${MIN_LENGTH} characters.`;
  throw new AuthFault(422, "weak_password", message, { weak_password: { message, reasons: ["length"] } });
}

/** @returns `salt:hash`, both base64url; scrypt with Node's default cost (N 16384, r 8, p 1) */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16).toString("base64url");
  return `${salt}:${(await derive(password, salt)).toString("base64url")}`;
}

export async function isPassword(password: string, stored: string | null): Promise<boolean> {
  const [salt = "", hash = ""] = stored?.split(":") ?? [];
  const expected = Buffer.from(hash, "base64url");
  return expected.length === HASH_BYTES && timingSafeEqual(await derive(password, salt), expected);
}

function derive(password: string, salt: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
