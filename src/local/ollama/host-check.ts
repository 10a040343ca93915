import { hostname } from "node:os";
import ipaddr from "ipaddr.js";

const LOCAL_NAMES = /(?:^|\.)localhost$|\.local$|\.internal$/;
const LOCAL_RANGES = new Set(["loopback", "private", "uniqueLocal", "unspecified"]);

/**
 * Whether the server answers a request with this `Host` header. Names that are not local are refused, against DNS
 * rebinding; a reverse proxy must therefore rewrite the header.
 */
export function isLocalHost(header: string | null): boolean {
  const host = (header ?? "")
    .toLowerCase()
    .replace(/:\d*$/, "")
    .replace(/^\[|\]$/g, "");
  if (host === "" || host === hostname().toLowerCase() || LOCAL_NAMES.test(host)) return true;
  return ipaddr.isValid(host) && LOCAL_RANGES.has(ipaddr.process(host).range());
}
