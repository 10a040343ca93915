import { isIPv4, isIPv6 } from "node:net";

/**
 * Leading bits of an IPv6 address that stand for one client. One household or office rarely has less than a /56, and a
 * single machine in it has all of it.
 */
export const DEFAULT_IPV6_PREFIX_BITS = 56;
/** What is no address shares one key, so that nonsense in a header buys nobody a bucket of his own. */
const UNKNOWN = "unknown";

/** First six groups of IPv6 addresses whose last two are an IPv4 address. */
const IPV4_WITHIN: ReadonlySet<string> = new Set([
  "0:0:0:0:0:ffff", // mapped: how a socket for both families shows IPv4 (RFC 4291, section 2.5.5.2)
  "0:0:0:0:ffff:0", // translated without state (RFC 2765)
  "64:ff9b:0:0:0:0", // translated, the well-known prefix (RFC 6052)
]);

/**
 * Who an address stands for: an IPv4 address for itself, however it is written; an IPv6 address for its subnet. To cut
 * an IPv4 address in IPv6 form down to a subnet would make one client of the whole IPv4 internet. Ports and brackets, as
 * some proxies add them, and zones are ignored.
 *
 * @param ipv6PrefixBits 1 to 128
 * @example
 * addressKey("::ffff:203.0.113.7"); // "203.0.113.7"
 * addressKey("2001:db8:12:3456::1"); // "2001:db8:12:3400::/56"
 */
export function addressKey(address: string, ipv6PrefixBits: number = DEFAULT_IPV6_PREFIX_BITS): string {
  const bare = withoutPort(address);
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return UNKNOWN;
  const groups = groupsOf(bare);
  return ipv4Within(groups) ?? `${subnet(groups, ipv6PrefixBits)}/${ipv6PrefixBits}`;
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

function ipv4Within(groups: readonly number[]): string | undefined {
  if (!IPV4_WITHIN.has(textOf(groups.slice(0, 6)))) return undefined;
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function subnet(groups: readonly number[], prefixBits: number): string {
  const masked = groups.map((group, index) => {
    const bits = Math.min(16, Math.max(0, prefixBits - index * 16));
    return group & (0xffff << (16 - bits)) & 0xffff;
  });
  return textOf(masked)
    .replace(/(?::0)+$/, "::")
    .replace(/^0::$/, "::");
}

const textOf = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(":");
