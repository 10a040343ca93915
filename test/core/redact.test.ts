import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { IntegrationError, redactThrown, Secret } from "../../src/core/index.ts";
import { createTextRedactor } from "../../src/monitoring/index.ts";

const secret = "tf_live_0123456789abcdef";
const redact = createTextRedactor([secret]);
const clean = (thrown: unknown) => redactThrown(thrown, redact);

/** Everything that a person or a program can see of a value. */
function everythingOf(value: unknown): string {
  const views = [inspect(value, { depth: Infinity, showHidden: true }), JSON.stringify(value), String(value)];
  return value instanceof Error ? [...views, value.message, value.stack].join("\n") : views.join("\n");
}

class VendorError extends Error {
  override readonly name = "VendorError";
  readonly code = "22P02";
  readonly detail = `param $1 = ${secret}`;
}

describe("redactThrown", () => {
  it("gives foreign errors without secrets back as they are, whatever hangs on them", () => {
    const socket = { localAddress: "127.0.0.1", peer: undefined as unknown };
    socket.peer = socket;
    const error = Object.assign(new TypeError("fetch failed", { cause: new Error("reset") }), { socket });
    expect(clean(error)).toBe(error);
    for (const value of [undefined, null, 42, "text", Symbol("s")]) expect(clean(value)).toBe(value);
  });

  it("copies foreign errors that hold one: same class, codes and frames, no secret", () => {
    const error = new VendorError(`bad key ${secret}`);
    const copy = clean(error) as VendorError;
    expect(copy).not.toBe(error);
    expect(copy).toBeInstanceOf(VendorError);
    expect(copy).toMatchObject({ name: "VendorError", code: "22P02", message: "bad key [redacted]" });
    expect(copy.detail).toBe("param $1 = [redacted]");
    expect(copy.stack).toContain("redact.test.ts");
    expect(Object.keys(copy)).toEqual(Object.keys(error));
    expect(everythingOf(error)).toContain(secret);
    expect(everythingOf(copy)).not.toContain(secret);
  });

  it("changes errors of ours in place: message, stack, details and causes to any depth", () => {
    const inner = new IntegrationError({ code: "NETWORK", message: `inner ${secret}`, cause: new Error(secret) });
    const details = { runId: "r1", issues: [{ message: `${secret} is wrong` }] };
    const error = new IntegrationError({
      code: "UPSTREAM_STATUS",
      message: secret,
      status: 503,
      details,
      cause: inner,
    });
    expect(clean(error)).toBe(error);
    expect(error).toMatchObject({ code: "UPSTREAM_STATUS", status: 503, message: "[redacted]" });
    expect(error.details).toEqual({ runId: "r1", issues: [{ message: "[redacted] is wrong" }] });
    expect(error.cause).toBe(inner);
    expect(error.stack).toContain("redact.test.ts");
    expect(everythingOf(error)).not.toContain(secret);
  });

  it("leaves an error of ours alone that holds none, its cause and details by identity", () => {
    const cause = new Error("reset");
    const details = { kind: "busy" };
    const error = new IntegrationError({ code: "NETWORK", message: "no answer", cause, details });
    clean(error);
    expect(error.cause).toBe(cause);
    expect(error.details).toBe(details);
  });

  it.each<readonly [string, () => unknown]>([
    ["an AggregateError", () => new AggregateError([new Error(secret), { deep: [secret] }], "all failed")],
    ["a plain object", () => ({ message: "x", details: { hint: secret } })],
    ["a key", () => ({ [secret]: 1 })],
    ["a symbol's member", () => Object.assign(new Error("x"), { [Symbol("kReason")]: { secret } })],
    ["a hidden member", () => Object.defineProperty(new Error("x"), "request", { value: { key: secret } })],
    ["a Map and a Set", () => Object.assign(new Error("x"), { map: new Map([["a", new Set([secret])]]) })],
    ["headers", () => Object.assign(new Error("x"), { headers: new Headers({ cookie: secret }) })],
    [
      "an answer",
      () => Object.assign(new Error("x"), { response: new Response("", { headers: { "x-key": secret } }) }),
    ],
    ["a request", () => Object.assign(new Error("x"), { request: new Request(`http://127.0.0.1/?k=${secret}`) })],
    ["an address", () => Object.assign(new Error("x"), { input: new URL(`http://127.0.0.1/${secret}`) })],
    ["bytes", () => Object.assign(new Error("x"), { body: Buffer.from(secret) })],
    ["a platform's error", () => new DOMException(`aborted ${secret}`, "AbortError")],
    ["a getter", () => Object.defineProperty(new Error("x"), "data", { get: () => secret, enumerable: true })],
    [
      "a stack older than the message",
      () => Object.assign(new Error("x"), { stack: `Error: ${secret}\n    at a.ts:1` }),
    ],
  ])("finds it in %s", (_, make) => {
    const thrown = make();
    const copy = clean(thrown);
    expect(copy).not.toBe(thrown);
    expect(everythingOf(copy)).not.toContain(secret);
    expect(everythingOf(copy)).not.toContain(inspect(Buffer.from(secret)).slice(8, 60));
    if (thrown instanceof Error) expect(copy).toMatchObject({ name: thrown.name });
  });

  it("survives circles, through errors of ours too", () => {
    const foreign: Error & { owner?: unknown } = new Error(`one ${secret}`);
    const ours = new IntegrationError({ code: "NETWORK", message: `two ${secret}`, cause: foreign });
    foreign.owner = ours;
    foreign.cause = foreign;
    for (const thrown of [foreign, ours]) expect(inspect(clean(thrown), { depth: Infinity })).not.toContain(secret);
  });

  it("leaves out what is too much to search, and takes no long time for it", () => {
    const chain: Record<string, unknown> = {};
    let last = chain;
    for (let depth = 0; depth < 5_000; depth += 1) last = last["next"] = {};
    last["secret"] = secret;
    const copy = clean(Object.assign(new Error("x"), { chain }));
    expect(everythingOf(copy)).not.toContain(secret);
    expect(everythingOf(copy)).toContain("too much to be searched");
    const rows = Array.from({ length: 200_000 }, (_, index) => index);
    expect(everythingOf(clean(Object.assign(new Error("x"), { rows })))).toContain("too much to be searched");
  });

  it("copies a frozen error of ours instead of failing", () => {
    const error = Object.freeze(new IntegrationError({ code: "NETWORK", message: secret }));
    const copy = clean(error);
    expect(IntegrationError.isInstance(copy)).toBe(true);
    expect(everythingOf(copy)).not.toContain(secret);
  });

  it("keeps what hides itself, and dates", () => {
    const at = new Date();
    const key = new Secret(secret);
    const copy = clean(Object.assign(new Error(secret), { at, key })) as { at: unknown; key: unknown };
    expect(copy.at).toBe(at);
    expect(copy.key).toBe(key);
  });

  it("cuts out the part of a text that JSON.parse quotes: it may be half a secret", () => {
    const thrown = (text: string): unknown => {
      try {
        return JSON.parse(text);
      } catch (error) {
        return error;
      }
    };
    const error = thrown(`{"key": ${secret}}`) as SyntaxError;
    expect(error.message).toContain(secret.slice(0, 4));
    const copy = clean(error) as SyntaxError;
    expect(copy).toBeInstanceOf(SyntaxError);
    expect(everythingOf(copy)).not.toContain(secret.slice(0, 4));
    expect(copy.message).toContain("not valid JSON");
  });
});
