import { hash } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { IntegrationError } from "../core/index.ts";
import { OptionCheck } from "./check-options.ts";

const MAX_KEY_LENGTH = 256;

/**
 * The key itself, or a digest of one so long that it is somebody's attempt on our memory.
 *
 * @throws IntegrationError `INVALID_INPUT` for what is no string
 */
export function boundedKey(key: string): string {
  if (typeof key !== "string")
    throw new IntegrationError({ code: "INVALID_INPUT", message: `the key must be a string; received ${typeof key}` });
  return key.length <= MAX_KEY_LENGTH ? key : `sha256:${hash("sha256", key, "base64url")}`;
}

export interface AddressKeyOptions {
  /**
   * Leading bits of an IPv6 address that make one key, 48 to 128. One household or office rarely has less than a /56,
   * and a single machine in it has all of it. @defaultValue 56
   */
  readonly ipv6PrefixBits?: number;
}

const DEFAULT_PREFIX_BITS = 56;
/** What is no address shares one key, so that nonsense in a header buys nobody a bucket of his own. */
const UNKNOWN = "unknown";

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
  const prefix = options.ipv6PrefixBits ?? DEFAULT_PREFIX_BITS;
  check.number("ipv6PrefixBits", prefix, { min: 48, max: 128, integer: true });
  check.throwIfAny();

  const bare = withoutPort(address);
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return UNKNOWN;
  const groups = groupsOf(bare);
  return mappedIPv4(groups) ?? `${subnet(groups, prefix)}/${prefix}`;
}

function withoutPort(address: string): string {
  const [, inBrackets, beforePort] = /^(?:\[([^\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(address) ?? [];
  return inBrackets ?? beforePort ?? address;
}

/** The eight 16-bit groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const [text = ""] = address.split("%"); // without the zone
  const [head = "", tail] = text.split("::");
  const before = parseGroups(head);
  const after = parseGroups(tail ?? "");
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function parseGroups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function mappedIPv4(groups: readonly number[]): string | undefined {
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return isMapped ? [high >> 8, high & 255, low >> 8, low & 255].join(".") : undefined;
}

function subnet(groups: readonly number[], prefix: number): string {
  const masked = groups.map((group, index) => {
    const bits = Math.min(16, Math.max(0, prefix - index * 16));
    return group & (0xffff << (16 - bits)) & 0xffff;
  });
  const text = masked.map((group) => group.toString(16)).join(":");
  return text.replace(/(?::0)+$/, "::").replace(/^0::$/, "::");
}
