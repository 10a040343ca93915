import ipaddr from "ipaddr.js";

/**
 * Who an address stands for: an IPv4 address by itself, also when mapped into IPv6; an IPv6 address by its /56. One
 * household or office rarely has less than that, and a single machine has all of it.
 */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return "unknown";
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  const prefix = parsed.toByteArray().fill(0, 7);
  return `${ipaddr.fromByteArray(prefix).toString()}/56`;
}

export function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}
