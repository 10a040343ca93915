import { decodePercent, IntegrationError, Secret } from "../../core/index.ts";

export interface OllamaBaseUrl {
  /** Without a trailing slash, `/v1`, `/api` or credentials. */
  readonly root: string;
  /** Value of the `Authorization` header that the URL's credentials stand for. */
  readonly authorization?: Secret;
}

const DEFAULT_PORT = 11_434;

/**
 * Reads a base URL as people write it: with or without scheme, port, `/v1` or `/api`. Without a scheme the port is
 * 11434; with one it is the scheme's own, as in Ollama's server and clients. "Any address" becomes loopback.
 *
 * @example normalizeBaseUrl("http://localhost:11434/v1").root // "http://localhost:11434"
 * @throws IntegrationError INVALID_INPUT; the message never shows the value, which may hold a password
 */
export function normalizeBaseUrl(value: string): OllamaBaseUrl {
  const url = parse(withScheme(value.trim()));
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  const path = url.pathname
    .replace(/\/+$/, "")
    .replace(/\/(?:v1|api)$/, "")
    .replace(/\/+$/, "");
  const root = `${url.protocol}//${url.host}${path}`;
  if (url.username === "" && url.password === "") return { root };
  const credentials = `${decodePercent(url.username)}:${decodePercent(url.password)}`;
  return { root, authorization: new Secret(`Basic ${Buffer.from(credentials).toString("base64")}`) };
}

function withScheme(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text;
  const [authority = "", ...path] = text.split("/");
  const host = /^:\d*$/.test(authority)
    ? `127.0.0.1${authority}`
    : /^[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*$/i.test(authority)
      ? `[${authority}]`
      : authority;
  const withPort = /:\d+$/.test(host.replace(/^.*[@\]]/, "")) ? host : `${host}:${DEFAULT_PORT}`;
  return `http://${[withPort, ...path].join("/")}`;
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.hostname !== "") return url;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message:
      'baseUrl (OLLAMA_BASE_URL) must be an http or https URL such as "http://localhost:11434"; what was given is not (not shown: it may hold a password)',
    service: "ollama",
  });
}
