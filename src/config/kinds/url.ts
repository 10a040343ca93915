import { accepted, type Kind, type Parsed, refused } from "./kind.ts";

/** True for this very machine: the only place where plain http and ws need no excuse. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\]|::1)$/i.test(hostname);
}

interface UrlOptions {
  readonly protocols: readonly ("https" | "http" | "wss" | "ws")[];
  /** Removed from the end of the path, once, after trailing slashes. */
  readonly stripSuffix?: RegExp;
  /** A query is part of what the setting means. @defaultValue false */
  readonly allowQuery?: boolean;
  /** A last look; returns a warning for a value that is accepted all the same. */
  readonly inspect?: (url: URL) => Parsed<undefined>;
}

/** A URL of certain protocols, without user info and without trailing slashes. */
export function url(options: UrlOptions): Kind<string> {
  const expects = `a URL that starts with ${options.protocols.map((protocol) => `${protocol}://`).join(" or ")}`;
  return {
    expects,
    sensitive: false,
    parse(text) {
      const parsed = URL.canParse(text) ? new URL(text) : undefined;
      if (!parsed || !(options.protocols as readonly string[]).includes(parsed.protocol.slice(0, -1)))
        return refused(`is not ${expects}`);
      if (parsed.username !== "" || parsed.password !== "")
        return refused(
          "holds a user name or a password",
          "remove what stands before the @; keys have settings of their own",
        );
      if (parsed.hash !== "" || (parsed.search !== "" && !options.allowQuery))
        return refused("holds a query or a fragment", "end the URL at its path");
      const verdict = options.inspect?.(parsed) ?? accepted(undefined);
      return verdict.ok ? accepted(tidy(parsed, options.stripSuffix), verdict.warning) : verdict;
    },
    // A query is where webhook URLs carry their tokens.
    show: (value) => value.replace(/\?.*$/s, "?[hidden]"),
  };
}

/** An origin as browsers send it, or `*` for all. */
export const origin: Kind<string> = {
  expects: "an origin such as https://app.example.com, or *",
  sensitive: false,
  parse(text) {
    if (text === "*") return accepted(text);
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    const isOrigin =
      parsed && /^https?:$/.test(parsed.protocol) && parsed.pathname + parsed.search + parsed.hash === "/";
    if (!isOrigin || parsed.username !== "" || parsed.password !== "")
      return refused("is not an origin: scheme, host and port, without path");
    return accepted(parsed.origin);
  },
  show: String,
};

/** Ollama's own conventions: no scheme means http and port 11434; `0.0.0.0` is where it listens, not where to call. */
export function ollamaUrl(): Kind<string> {
  const inner = url({ protocols: ["http", "https"], stripSuffix: /\/(v1|api)$/ });
  return {
    ...inner,
    expects: "a URL or host:port, with or without /v1 or /api",
    parse: (text) => inner.parse(withOllamaDefaults(text)),
  };
}

function withOllamaDefaults(text: string): string {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const address = hasScheme ? text : `http://${text.startsWith(":") ? `127.0.0.1${text}` : text}`;
  if (!URL.canParse(address)) return text;
  const parsed = new URL(address);
  if (parsed.hostname === "0.0.0.0") parsed.hostname = "127.0.0.1";
  if (parsed.hostname === "[::]") parsed.hostname = "[::1]";
  if (!hasScheme && parsed.port === "" && !/^[^/]*:80(\/|$)/.test(text)) parsed.port = "11434";
  return parsed.href;
}

function tidy(parsed: URL, stripSuffix: RegExp | undefined): string {
  let path = parsed.pathname.replace(/\/+$/, "");
  if (stripSuffix) path = path.replace(stripSuffix, "").replace(/\/+$/, "");
  return `${parsed.protocol}//${parsed.host}${path}${parsed.search}`;
}
