import { channel } from "node:diagnostics_channel";
// As objects: what patches their `request` (interceptors of tests, instrumentation) is to see our requests too.
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import { type Clock, type FetchLike, systemClock } from "../../core/index.ts";

/** What {@link createLeanFetch} gives: the part of `Response` that a small JSON answer needs. */
export type LeanResponse = Pick<Response, "status" | "ok" | "text" | "json"> & {
  readonly headers: Pick<Headers, "get">;
};

/** As `fetch` bounds it: who cannot connect was not heard, which a bound on the whole attempt could not tell. */
const CONNECT_TIMEOUT_MS = 10_000;

/** A request given up after so long without a word casts doubt on its path, and on all that is idle there, ms. */
const SILENCE_MS = 500;

/**
 * `fetch` for a small text there and back, over Node's own HTTP and its keep-alive agents: a third of the processor time
 * of the global one, most of which goes into streams, header lists and signals that nobody looks at here.
 *
 * It looks at the method, the headers, a body that is text, `redirect: "manual"` and the signal, and its answer is no more
 * than a {@link LeanResponse}. A redirect is followed by the global `fetch`. So is every request where the host has another
 * `fetch`, sends its requests by another way (a proxy, say), or listens to them.
 */
export function createLeanFetch(clock: Clock = systemClock): FetchLike {
  const lean = (input: string | URL, init: RequestInit = {}): Promise<LeanResponse> =>
    isPlain() ? request(input, init, clock) : globalThis.fetch(input, init);
  return lean as FetchLike;
}

const nodesFetch = globalThis.fetch;
const undiciRequests = channel("undici:request:create");
/** Where undici, Node's or another, keeps what `fetch` sends by. */
const dispatcherKeys = ["undici.globalDispatcher.1", "undici.globalDispatcher.2"].map((key) => Symbol.for(key));
/** Known by identity, and so looked at once. */
const plainDispatchers = new WeakSet<object>();

/** A request of `fetch` would leave as Node sends it, and nobody would see it. */
function isPlain(): boolean {
  return globalThis.fetch === nodesFetch && !undiciRequests.hasSubscribers && dispatcherKeys.every(isPlainAt);
}

function isPlainAt(key: symbol): boolean {
  const dispatcher = (globalThis as unknown as Record<symbol, object | undefined>)[key];
  if (dispatcher === undefined || plainDispatchers.has(dispatcher)) return true;
  const isPlain = isPlainDispatcher(dispatcher as Record<string | symbol, unknown>);
  if (isPlain) plainDispatchers.add(dispatcher);
  return isPlain;
}

/** Made as Node makes it, without an option or an interceptor. What we do not know is taken for the host's own. */
function isPlainDispatcher(dispatcher: Record<string | symbol, unknown>): boolean {
  const { name } = dispatcher.constructor;
  if (name === "Dispatcher1Wrapper") return true; // the older key's, around the agent that is at the newer one
  const prototype = Object.getPrototypeOf(dispatcher) as typeof dispatcher;
  const key = Object.getOwnPropertySymbols(dispatcher).find(({ description }) => description === "options");
  if (name !== "Agent" || dispatcher["dispatch"] !== prototype["dispatch"] || !key) return false;
  return Object.values(dispatcher[key] as object).every((value) => value === undefined || value === Infinity);
}

function request(input: string | URL, init: RequestInit, clock: Clock): Promise<LeanResponse> {
  const { signal } = init;
  if (signal?.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const { isSecure, ...address } = addressOf(input);
    const body = (init.body as string | undefined) ?? "";
    const options = { ...address, method: init.method ?? "GET", headers: headersOf(init, body) };
    const sent = (isSecure ? https : http).request(options);
    const sentAt = clock.now();
    let answer: IncomingMessage | undefined;
    const onAbort = () => {
      if (!answer && clock.now() - sentAt >= SILENCE_MS) dropIdle(address, isSecure);
      (answer ?? sent).destroy(signal!.reason as Error);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    sent.once("close", () => signal?.removeEventListener("abort", onAbort));
    sent.once("error", reject);
    sent.once("response", (message) => {
      answer = message;
      if (init.redirect === "manual" || !isRedirect(message)) return resolve(new Answer(message));
      message.resume();
      resolve(globalThis.fetch(input, init));
    });
    if (!sent.reusedSocket) boundConnecting(sent, isSecure ? "secureConnect" : "connect", clock);
    sent.end(body);
  });
}

class Answer implements LeanResponse {
  readonly status: number;
  readonly headers: LeanResponse["headers"];
  readonly #body: Promise<string>;

  constructor(message: IncomingMessage) {
    this.status = message.statusCode!;
    const { headers } = message;
    this.headers = {
      get: (name) => {
        const value = headers[name.toLowerCase()];
        return Array.isArray(value) ? value.join(", ") : (value ?? null);
      },
    };
    this.#body = read(message);
    this.#body.catch(() => undefined); // for whoever asks: nobody may
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  text(): Promise<string> {
    return this.#body;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.#body) as unknown;
  }
}

function read(message: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    message.on("data", (chunk: Buffer) => chunks.push(chunk));
    message.once("end", () => resolve((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString()));
    message.once("error", reject);
  });
}

function isRedirect({ statusCode, headers }: IncomingMessage): boolean {
  return [301, 302, 303, 307, 308].includes(statusCode!) && headers.location !== undefined;
}

/** As `fetch` sends a text, but for what browsers add; compressed answers are not read. */
function headersOf({ headers }: RequestInit, body: string): Record<string, string | number> {
  const given = headers instanceof Headers ? Object.fromEntries(headers) : (headers as Record<string, string>);
  return {
    accept: "*/*",
    "accept-encoding": "identity",
    "content-type": "text/plain;charset=UTF-8",
    "user-agent": "node",
    ...given,
    "content-length": Buffer.byteLength(body),
  };
}

type Address = Pick<RequestOptions, "protocol" | "hostname" | "port" | "path"> & { readonly isSecure: boolean };
/** The last one asked for, taken apart: a client has one, and each request goes there. */
let last: { readonly href: string; readonly address: Address } | undefined;

function addressOf(input: string | URL): Address {
  const href = typeof input === "string" ? input : input.href;
  if (last?.href === href) return last.address;
  const { protocol, hostname, port, pathname, search } = new URL(href);
  const address = {
    isSecure: protocol === "https:",
    protocol,
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port,
    path: pathname + search,
  };
  last = { href, address };
  return address;
}

/**
 * Closes what the agent keeps for this address. On a path that died without a word each of them would cost one more
 * request its whole time; on one that lives they cost a handshake.
 */
function dropIdle({ hostname, port }: Pick<Address, "hostname" | "port">, isSecure: boolean): void {
  const { freeSockets } = (isSecure ? https : http).globalAgent;
  const prefix = `${hostname}:${port || (isSecure ? 443 : 80)}:`;
  for (const [name, sockets = []] of Object.entries(freeSockets))
    if (name.startsWith(prefix)) for (const socket of [...sockets]) socket.destroy();
}

function boundConnecting(sent: ClientRequest, connected: "connect" | "secureConnect", clock: Clock): void {
  sent.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = clock.setTimer(() => {
      // The name that `fetch` has for it.
      const code = "UND_ERR_CONNECT_TIMEOUT";
      sent.destroy(Object.assign(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`), { code }));
    }, CONNECT_TIMEOUT_MS);
    socket.once(connected, () => timer.cancel());
    socket.once("close", () => timer.cancel());
  });
}
