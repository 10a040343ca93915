import { hash } from "node:crypto";
import { addressKey, DEFAULT_IPV6_PREFIX_BITS, IntegrationError, OptionCheck } from "../core/index.ts";

const MAX_KEY_LENGTH = 256;

/**
 * The key itself, or a digest of one so long that it is somebody's attempt on our memory.
 *
 * @throws IntegrationError `INVALID_INPUT` for what is no string
 */
export function boundedKey(key: string): string {
  if (typeof key !== "string")
    throw new IntegrationError({ code: "INVALID_INPUT", message: `the key must be a string, got ${typeof key}` });
  return key.length <= MAX_KEY_LENGTH ? key : `sha256:${hash("sha256", key, "base64url")}`;
}

export interface AddressKeyOptions {
  /**
   * Leading bits of an IPv6 address that make one key, 48 to 128. One household or office rarely has less than a /56,
   * and a single machine in it has all of it. @defaultValue 56
   */
  readonly ipv6PrefixBits?: number;
}

/**
 * The key under which a client's address is limited: IPv4 as it is (also when written as IPv6), IPv6 by its subnet.
 * A port and brackets, as some proxies add them, are ignored.
 *
 * @throws IntegrationError `INVALID_INPUT` for a prefix out of range
 * @example
 * limitKeyOfAddress("::ffff:203.0.113.7"); // "203.0.113.7"
 * limitKeyOfAddress("2001:db8:12:3456::1"); // "2001:db8:12:3400::/56"
 */
export function limitKeyOfAddress(address: string, options: AddressKeyOptions = {}): string {
  const check = new OptionCheck("limitKeyOfAddress");
  const prefix = options.ipv6PrefixBits ?? DEFAULT_IPV6_PREFIX_BITS;
  check.number("ipv6PrefixBits", prefix, { min: 48, max: 128, integer: true });
  check.throwIfAny();
  return addressKey(address, prefix);
}
