import { describe, expect, it } from "vitest";
import { errorFromThrown, IntegrationError, judgeThrown } from "../../src/core/index.ts";

const raw = (message: string, facts: object = {}) => Object.assign(new Error(message), facts);
const fetchFailed = (code: string) => new TypeError("fetch failed", { cause: raw("connect", { code }) });

describe("judgeThrown", () => {
  it.each<[string, unknown, string, string]>([
    [
      "pg: serialization failure",
      raw("could not serialize", { code: "40001", severity: "ERROR" }),
      "QUERY_FAILED",
      "retryable",
    ],
    ["pg: unique violation", raw("duplicate key", { code: "23505" }), "CONFLICT", "fatal"],
    ["pg: wrong password", raw("password", { code: "28P01" }), "UNAUTHENTICATED", "auth"],
    ["pg: undefined table", raw("relation does not exist", { code: "42P01" }), "QUERY_FAILED", "fatal"],
    ["pg: too many connections", raw("too many", { code: "53300" }), "NETWORK", "throttled"],
    ["pg: raised by a function", raw("custom", { code: "P0001" }), "QUERY_FAILED", "fatal"],
    ["Neon: compute asleep", raw("couldn't connect to compute node", { name: "NeonDbError" }), "NETWORK", "retryable"],
    [
      "Neon: XX000 with a message",
      raw("Failed to acquire permit to connect", { code: "XX000" }),
      "NETWORK",
      "throttled",
    ],
    [
      "Neon: a network cause below",
      raw("Error connecting to database: fetch failed", {
        name: "NeonDbError",
        sourceError: fetchFailed("ECONNRESET"),
      }),
      "NETWORK",
      "retryable",
    ],
    ["PostgREST: no row", { code: "PGRST116", message: "no rows", details: null, hint: null }, "NOT_FOUND", "fatal"],
    ["PostgREST: expired token", { code: "PGRST301", message: "JWT expired" }, "UNAUTHENTICATED", "auth"],
    ["PostgREST: pool exhausted", { code: "PGRST003", message: "timed out" }, "NETWORK", "throttled"],
    ["PostgREST: no database", { code: "PGRST000", message: "could not connect" }, "NETWORK", "retryable"],
    ["PostgREST: unknown table", { code: "PGRST205", message: "not in the schema cache" }, "NOT_FOUND", "fatal"],
    ["PostgREST: a code of tomorrow", { code: "PGRST999", message: "?" }, "QUERY_FAILED", "fatal"],
    ["PostgREST: a SQLSTATE", { code: "23505", message: "duplicate", status: 409 }, "CONFLICT", "fatal"],
    ["HTTP: 503", raw("unavailable", { status: 503 }), "UPSTREAM_STATUS", "retryable"],
    ["HTTP: 429 as a text", raw("slow down", { statusCode: "429" }), "UPSTREAM_STATUS", "throttled"],
    ["HTTP: axios' response", raw("bad", { response: { status: 404 } }), "NOT_FOUND", "fatal"],
    ["supabase-js: no answer", raw("fetch", { status: 0, name: "AuthRetryableFetchError" }), "NETWORK", "retryable"],
    ["Node: reset", raw("read ECONNRESET", { code: "ECONNRESET" }), "NETWORK", "retryable"],
    ["Node: five letters that are no SQLSTATE", raw("write EPIPE", { code: "EPIPE" }), "NETWORK", "retryable"],
    ["fetch: refused", fetchFailed("ECONNREFUSED"), "NETWORK", "retryable"],
    ["fetch: without a cause", new TypeError("fetch failed"), "NETWORK", "retryable"],
    ["an abort", new DOMException("aborted", "AbortError"), "ABORTED", "fatal"],
    ["a timeout", new DOMException("timed out", "TimeoutError"), "ATTEMPT_TIMEOUT", "retryable"],
    ["a mistake in code", new TypeError("x is not a function"), "INVALID_OUTPUT", "fatal"],
    [
      "a mistake that mentions the network",
      new TypeError("Cannot read properties of undefined (reading 'network')"),
      "INVALID_OUTPUT",
      "fatal",
    ],
    ["a mistake with a code", raw("bad URL", { code: "ERR_INVALID_URL" }), "INVALID_OUTPUT", "fatal"],
    ["an error that nobody knows", new Error("boom"), "INVALID_OUTPUT", "fatal"],
    ["a text", "boom", "INVALID_OUTPUT", "fatal"],
    ["null", null, "INVALID_OUTPUT", "fatal"],
    ["an error of ours", new IntegrationError({ code: "READ_ONLY", message: "m" }), "READ_ONLY", "fatal"],
  ])("knows %s", (_what, thrown, code, verdict) => {
    expect(judgeThrown(thrown)).toMatchObject({ code, verdict });
  });

  it("says where the request was provably not sent", () => {
    expect(judgeThrown(fetchFailed("ECONNREFUSED")).notSent).toBe(true);
    expect(judgeThrown(fetchFailed("ECONNRESET")).notSent).toBeUndefined();
    expect(judgeThrown(new IntegrationError({ code: "NETWORK", message: "m", notSent: true })).notSent).toBe(true);
  });
});

describe("errorFromThrown", () => {
  it("keeps the original as the cause, and what it says: status, SQLSTATE, hint", () => {
    const busy = raw("slow down", { status: 429, headers: { "Retry-After": "7" } });
    const error = errorFromThrown(busy, { service: "maps", operation: "lookup" });
    expect(error).toMatchObject({
      code: "UPSTREAM_STATUS",
      status: 429,
      retryAfterMs: 7_000,
      service: "maps",
      operation: "lookup",
    });
    expect(error.cause).toBe(busy);
    expect(error.message).toBe("maps.lookup: slow down");
    expect(errorFromThrown(raw("dup", { code: "23505" }), {}).sqlState).toBe("23505");
  });

  it("reads a hint from Headers, from a date, and from the error itself", () => {
    const wallNow = Date.UTC(2026, 0, 1);
    const at = (facts: object) => errorFromThrown(raw("busy", { status: 503, ...facts }), { wallNow }).retryAfterMs;
    expect(at({ headers: new Headers({ "retry-after": "2" }) })).toBe(2_000);
    expect(at({ response: { headers: { "retry-after": 3 } } })).toBe(3_000);
    expect(at({ headers: { "Retry-After": "Thu, 01 Jan 2026 00:00:05 GMT" } })).toBe(5_000);
    expect(at({ retryAfterMs: 40 })).toBe(40);
    expect(at({ retryAfterMs: 1e300 })).toBe(86_400_000);
    expect(at({ retryAfterMs: -1 })).toBeUndefined();
    expect(at({ retryAfterMs: NaN })).toBeUndefined();
  });

  it("returns errors of ours as they are", () => {
    const own = new IntegrationError({ code: "CLOSED", message: "m" });
    expect(errorFromThrown(own, { service: "x" })).toBe(own);
  });

  it.each([[null], [undefined], ["text"], [Object.create(null)], [Symbol("s")]])("survives a thrown %s", (thrown) => {
    expect(errorFromThrown(thrown, {}).cause).toBe(thrown);
  });
});
