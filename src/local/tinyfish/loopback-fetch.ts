import ipaddr from "ipaddr.js";

/** A page as the stand-in's browser got it. */
export interface FetchedPage {
  readonly finalUrl: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** The stand-in never leaves this machine. */
export function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") return false;
  const host = hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || (ipaddr.isValid(host) && ipaddr.parse(host).range() === "loopback");
}

const MAX_REDIRECTS = 5;

/** Fetches a loopback page; a redirect that leads elsewhere is not followed. */
export async function fetchLoopback(url: string, signal: AbortSignal): Promise<FetchedPage> {
  let target = url;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    if (!isLoopback(target)) throw new Error(`${target} is not on this machine`);
    const response = await fetch(target, { signal, redirect: "manual" });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) {
      const contentType = response.headers.get("content-type") ?? "";
      return { finalUrl: target, status: response.status, contentType, body: await response.text() };
    }
    await response.body?.cancel();
    target = new URL(location, target).href;
  }
  throw new Error(`${url} redirects more than ${MAX_REDIRECTS} times`);
}
