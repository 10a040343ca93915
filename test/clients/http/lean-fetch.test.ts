import { getEventListeners, once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLeanFetch } from "../../../src/clients/http/lean-fetch.ts";
import { startWireProxy, type WireProxy } from "../neon/support/wire-proxy.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

const leanFetch = createLeanFetch();
const post = (body: string, more: RequestInit = {}): RequestInit => ({ method: "POST", body, ...more });

let handle: RequestListener;
let server: Server;
let url: string;
/** Sockets that the server has seen, by their other end. */
let ports: number[];

beforeEach(async () => {
  ports = [];
  server = createHttpServer((request, response) => {
    ports.push(request.socket.remotePort!);
    handle(request, response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sql?a=b`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** The request as the server saw it, as the answer. */
const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method, url: path, headers } = request;
    response.writeHead(201, { "x-told": ["one", "two"], "content-type": "application/json" });
    response.end(JSON.stringify({ method, path, headers, body: Buffer.concat(chunks).toString() }));
  });
};
interface Echo {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}
/** Only `fetch` says how a page would have asked. */
const byGlobalFetch = async () => "sec-fetch-mode" in ((await (await leanFetch(url)).json()) as Echo).headers;

describe("a path that died without a word", () => {
  let proxy: WireProxy;
  const through = (signal: AbortSignal | null = null) => leanFetch(`http://127.0.0.1:${proxy.port}/`, { signal });
  const together = (count: number) =>
    Promise.all(Array.from({ length: count }, async () => (await through(AbortSignal.timeout(2_000))).text()));

  beforeEach(async () => {
    // Late enough that no connection is free again before all have begun.
    handle = (_, response) => void setTimeout(() => response.end("here"), 30);
    proxy = await startWireProxy({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  });
  afterEach(() => proxy.close());

  it("costs one request its time, not one for each idle connection", async () => {
    await together(5);
    expect(new Set(ports).size).toBe(5);
    proxy.freeze();
    proxy.heal();
    await expect(through(AbortSignal.timeout(600))).rejects.toMatchObject({ name: "TimeoutError" });
    expect(await together(5)).toEqual(Array(5).fill("here"));
    expect(new Set(ports).size).toBe(10);
  });

  it("is not suspected for a request that was given up early", async () => {
    await together(5);
    await expect(through(AbortSignal.timeout(5))).rejects.toMatchObject({ name: "TimeoutError" });
    await together(4);
    expect(new Set(ports).size).toBe(5);
  });
});

describe.each([
  { name: "leanFetch", fetch: leanFetch, isLean: true },
  { name: "the global fetch", fetch: globalThis.fetch, isLean: false },
])("$name", ({ fetch, isLean }) => {
  it("sends a text with its headers and reads the answer", async () => {
    handle = echo;
    for (const headers of [{ "X-Key": "a" }, new Headers({ "X-Key": "a" })]) {
      const response = await fetch(url, post("häuser €", { headers }));
      expect(response).toMatchObject({ status: 201, ok: true });
      expect([response.headers.get("X-Told"), response.headers.get("x-none")]).toEqual(["one, two", null]);
      const seen = (await response.json()) as Echo;
      expect(seen).toMatchObject({ method: "POST", path: "/sql?a=b", body: "häuser €" });
      expect(seen.headers).toMatchObject({
        "x-key": "a",
        "content-type": "text/plain;charset=UTF-8",
        "content-length": "11",
        accept: "*/*",
      });
      expect("sec-fetch-mode" in seen.headers).toBe(!isLean);
    }
  });

  it("reads a long answer, in whatever pieces it comes", async () => {
    const text = "€".repeat(300_000);
    handle = (_, response) => {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += 1_000) response.write(bytes.subarray(at, at + 1_000));
      response.end();
    };
    expect(await (await fetch(url)).text()).toBe(text);
  });

  it("does not throw for a status, nor take an answer for JSON that is none", async () => {
    handle = (_, response) => response.writeHead(500).end("<html>");
    const response = await fetch(url);
    expect(response).toMatchObject({ status: 500, ok: false });
    await expect(response.json()).rejects.toThrow(SyntaxError);
  });

  it("is aborted before, while it waits and while the answer comes, and leaves no listener", async () => {
    const reason = new Error("the caller's");
    handle = echo;
    await expect(fetch(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(ports).toEqual([]);

    const waiting = new AbortController();
    const gone = new Promise<void>((resolve) => {
      handle = (request) => {
        request.socket.once("close", () => resolve());
        waiting.abort(reason);
      };
    });
    await expect(fetch(url, { signal: waiting.signal })).rejects.toBe(reason);
    await gone;

    const reading = new AbortController();
    handle = (_, response) => response.write("half of");
    const response = await fetch(url, { signal: reading.signal });
    const text = response.text();
    reading.abort(reason);
    await expect(text).rejects.toBe(reason);

    const idle = new AbortController();
    handle = echo;
    await (await fetch(url, { signal: idle.signal })).text();
    if (isLean)
      for (const { signal } of [waiting, reading, idle]) expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("tells an answer that was cut off, and nobody if nobody asks", async () => {
    handle = (_, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("half of", () => response.destroy());
    };
    await fetch(url);
    const response = await fetch(url);
    await expect(response.text()).rejects.toThrow();
  });

  it("follows a redirect, unless it is told not to", async () => {
    handle = (request, response) => {
      if (request.url === "/there") return echo(request, response);
      request.resume();
      response.writeHead(307, { location: "/there" }).end();
    };
    expect(await (await fetch(url, post("again"))).json()).toMatchObject({ path: "/there", body: "again" });
    expect(await fetch(url, post("again", { redirect: "manual" }))).toMatchObject({ status: 307, ok: false });
  });
});

describe("leanFetch", () => {
  it("uses a connection again", async () => {
    handle = echo;
    for (let count = 0; count < 3; count += 1) await (await leanFetch(url, post("x"))).text();
    expect(ports).toHaveLength(3);
    expect(new Set(ports).size).toBe(1);
  });

  it("names the reason of a connection that was refused", async () => {
    await expect(leanFetch("http://127.0.0.1:1/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("bounds how long it connects, TLS included", async () => {
    const silent = createTcpServer(() => undefined);
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const clock = new ManualClock();
    const connecting = createLeanFetch(clock)(`https://127.0.0.1:${(silent.address() as AddressInfo).port}/`);
    const refused = expect(connecting).rejects.toMatchObject({ code: "UND_ERR_CONNECT_TIMEOUT" });
    await once(silent, "connection");
    await clock.advance(10_000);
    await refused;
    expect(clock.pendingTimers).toBe(0);
    await new Promise((resolve) => silent.close(resolve));
  });

  it("leaves no timer behind once it is connected", async () => {
    handle = echo;
    const clock = new ManualClock();
    await (await createLeanFetch(clock)(url)).text();
    expect(clock.pendingTimers).toBe(0);
  });

  it("leaves the request to the global fetch where the host has another one", async () => {
    handle = echo;
    const nodes = globalThis.fetch;
    const seen: unknown[] = [];
    globalThis.fetch = (...request) => (seen.push(request[0]), nodes(...request));
    try {
      expect(await byGlobalFetch()).toBe(true);
    } finally {
      globalThis.fetch = nodes;
    }
    expect(seen).toEqual([url]);
    expect(await byGlobalFetch()).toBe(false);
  });

  it("leaves the request to the global fetch where the host listens to its requests", async () => {
    handle = echo;
    const seen: unknown[] = [];
    const listen = (message: unknown) => void seen.push(message);
    subscribe("undici:request:create", listen);
    try {
      expect(await byGlobalFetch()).toBe(true);
    } finally {
      unsubscribe("undici:request:create", listen);
    }
    expect(seen).toHaveLength(1);
    expect(await byGlobalFetch()).toBe(false);
  });

  it.each(["undici.globalDispatcher.1", "undici.globalDispatcher.2"])(
    "leaves the request to the global fetch where the host has another dispatcher (%s)",
    async (name) => {
      handle = echo;
      await fetch(url); // so that there is one
      const key = Symbol.for(name);
      const all = globalThis as unknown as Record<symbol, Dispatcher>;
      const nodes = all[key]!;
      class ProxyAgent {
        dispatch = nodes.dispatch.bind(nodes);
      }
      const Agent = nodes.constructor as new (options?: object) => Dispatcher;
      try {
        for (const [dispatcher, isHosts] of [
          [new ProxyAgent(), true],
          [new Agent({ connect: { timeout: 9_000 } }), true],
          [nodes.compose((dispatch) => dispatch.bind(nodes)), true],
          [new Agent(), false],
        ] as const) {
          all[key] = dispatcher as Dispatcher;
          expect(await byGlobalFetch()).toBe(isHosts);
        }
      } finally {
        all[key] = nodes;
      }
      expect(await byGlobalFetch()).toBe(false);
    },
  );
});

interface Dispatcher {
  dispatch(...request: unknown[]): boolean;
  compose(interceptor: (dispatch: Dispatcher["dispatch"]) => Dispatcher["dispatch"]): Dispatcher;
}
