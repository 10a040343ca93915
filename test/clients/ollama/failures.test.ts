import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { OllamaClient } from "../../../src/clients/ollama/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { drain, setUp, sky } from "./set-up.ts";

const kind = (name: string) => expect.objectContaining({ kind: name });

describe("A stream that breaks", () => {
  it.each([
    ["error", "UPSTREAM_STATUS", "stream_error"],
    ["truncate", "NETWORK", "stream_truncated"],
    ["malformed", "INVALID_OUTPUT", "stream_malformed"],
  ] as const)("by %s is an error after the words that came, never a short answer", async (how, code, name) => {
    const { client, standIn } = await setUp();
    standIn.breakStream({ kind: how, afterPieces: 2 });
    const { items, error } = await drain(client.stream({ messages: sky }));
    expect(items.map(({ text }) => text)).toEqual(["The", " sky"]);
    expect(error).toMatchObject({
      code,
      verdict: "fatal",
      details: kind(name),
      service: "ollama",
      operation: "stream",
    });
  });

  it.each(["error", "truncate", "malformed", "cut"] as const)("by %s is one over /v1 too", async (how) => {
    const { client, standIn } = await setUp({}, { openAiOnly: true });
    standIn.breakStream({ kind: how, afterPieces: 2 });
    const { items, error } = await drain(client.stream({ messages: sky }));
    expect(items.map(({ text }) => text).filter((text) => text !== "")).toEqual(["The", " sky"]);
    expect(error).toMatchObject({ service: "ollama", verdict: "fatal" });
  });

  it("by a cut connection is a network error, for chat() as well", async () => {
    const { client, standIn } = await setUp();
    standIn.breakStream({ kind: "cut", afterPieces: 2, times: 2 });
    const { error } = await drain(client.stream({ messages: sky }));
    expect(error).toMatchObject({ code: "NETWORK" });
    await expect(client.chat({ messages: sky })).rejects.toMatchObject({ code: "NETWORK", verdict: "fatal" });
  });

  it("before its first word may be retried", async () => {
    const { client, standIn } = await setUp();
    standIn.breakStream({ kind: "truncate", afterPieces: 0 });
    await expect(client.chat({ messages: sky })).rejects.toMatchObject({ verdict: "retryable" });
  });
});

describe("Leaving a stream", () => {
  const leave = {
    break: async (client: OllamaClient) => {
      for await (const { text } of client.stream({ messages: sky })) if (text === "The") break;
    },
    throw: async (client: OllamaClient) => {
      const read = async () => {
        for await (const { text } of client.stream({ messages: sky })) throw new Error(`saw ${text}`);
      };
      await expect(read()).rejects.toThrow("saw The");
    },
    return: async (client: OllamaClient) => {
      const stream = client.stream({ messages: sky });
      await stream.next();
      await stream.return();
    },
    abort: async (client: OllamaClient) => {
      const wish = new AbortController();
      const stream = client.stream({ messages: sky, signal: wish.signal });
      await stream.next();
      const next = stream.next();
      wish.abort();
      await expect(next).rejects.toMatchObject({ code: "ABORTED" });
    },
    close: async (client: OllamaClient) => {
      const stream = client.stream({ messages: sky });
      await stream.next();
      await client.close();
      await expect(stream.next()).rejects.toMatchObject({ code: "CLOSED" });
    },
  };

  it.each(Object.entries(leave))("by %s ends the request at the server", async (_how, act) => {
    const { client, standIn } = await setUp();
    standIn.breakStream({ kind: "stall" });
    await act(client);
    await vi.waitFor(() => expect(standIn.stats().busy).toBe(0), { timeout: 10_000 });
  });

  it("gives the model to the next caller", async () => {
    const { client, standIn } = await setUp();
    standIn.breakStream({ kind: "stall" });
    await leave.break(client);
    expect((await client.chat({ messages: sky })).text).toBe("The sky is blue.");
  });
});

describe("Bounds on waiting", () => {
  /** Advances once the request is at the server. */
  async function passes(clock: ManualClock, ms: number, arrived: () => boolean) {
    await vi.waitFor(() => expect(arrived()).toBe(true), { timeout: 10_000 });
    await clock.advance(ms);
  }

  it("a silent server is an attempt's timeout of its own kind, not the caller's abort", async () => {
    const clock = new ManualClock();
    const { client, faults } = await setUp({ clock, firstByteTimeoutMs: 60_000 });
    await client.models();
    const stall = faults.inject("ollama", { kind: "stall" }, { match: /chat/ });
    const failure = expect(client.chat({ messages: sky })).rejects.toMatchObject({
      code: "ATTEMPT_TIMEOUT",
      verdict: "retryable",
      details: kind("first_byte_timeout"),
      message: expect.stringContaining("firstByteTimeoutMs"),
    });
    await passes(clock, 60_000, () => stall.fired === 1);
    await failure;
    expect(clock.pendingTimers).toBe(0);
  });

  it("silence between two words is bounded by the idle timeout, the reader's own slowness is not", async () => {
    const clock = new ManualClock();
    const { client, standIn } = await setUp({ clock, idleTimeoutMs: 30_000 });
    standIn.breakStream({ kind: "stall", afterPieces: 2 });
    const stream = client.stream({ messages: sky });
    await stream.next();
    await clock.advance(100_000); // the reader thinks
    expect((await stream.next()).value).toMatchObject({ text: " sky" });
    const failure = expect(stream.next()).rejects.toMatchObject({
      code: "ATTEMPT_TIMEOUT",
      details: kind("idle_timeout"),
    });
    await clock.advance(0);
    await clock.advance(30_000);
    await failure;
    expect(clock.pendingTimers).toBe(0);
  });

  it("a light question has a short bound", async () => {
    const clock = new ManualClock();
    const { client, faults } = await setUp({ clock });
    const stall = faults.inject("ollama", { kind: "stall" });
    const failure = expect(client.models()).rejects.toMatchObject({ details: kind("connect_timeout") });
    await passes(clock, 5_000, () => stall.fired === 1);
    await failure;
  });

  it("the whole call has its deadline", async () => {
    const clock = new ManualClock();
    const { client, standIn } = await setUp({ clock, idleTimeoutMs: 1_000_000, deadlineMs: 50_000 });
    standIn.breakStream({ kind: "stall" });
    const stream = client.stream({ messages: sky });
    await stream.next();
    const failure = expect(stream.next()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await clock.advance(50_000);
    await failure;
  });

  it("a caller that waits for its turn can give up", async () => {
    const { client, standIn } = await setUp();
    standIn.breakStream({ kind: "stall" });
    const holder = client.stream({ messages: sky });
    await holder.next();
    const wish = new AbortController();
    const waiting = client.chat({ messages: sky, signal: wish.signal });
    wish.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    await holder.return();
    expect((await client.chat({ messages: sky })).text).toBe("The sky is blue.");
  });

  it("more callers than may wait are refused, and one slot more lets one more in", async () => {
    const { client, standIn } = await setUp({ maxConcurrentPerModel: 2, maxQueuedPerModel: 0 }, { numParallel: 4 });
    standIn.breakStream({ kind: "stall", times: 2 });
    const holders = [client.stream({ messages: sky }), client.stream({ messages: sky })];
    for (const holder of holders) await holder.next();
    await expect(client.chat({ messages: sky })).rejects.toMatchObject({ code: "QUEUE_FULL" });
    for (const holder of holders) await holder.return();
  });
});

describe("Answers that are refusals", () => {
  it("a model that is not there: with the nearest names", async () => {
    const { client } = await setUp();
    for (const call of [client.chat({ messages: sky, model: "standing" }), client.embed(["a"], { model: "standing" })])
      await expect(call).rejects.toMatchObject({
        code: "NOT_FOUND",
        verdict: "fatal",
        details: { kind: "model_not_found", model: "standing", nearest: ["standin:latest"] },
        message: expect.stringContaining("ollama pull standing"),
      });
  });

  it("a text that is too long", async () => {
    const { client } = await setUp();
    await expect(client.embed(["a ".repeat(600)], { truncate: false })).rejects.toMatchObject({
      code: "INVALID_INPUT",
      details: kind("context_length_exceeded"),
    });
    expect(await client.embed(["a ".repeat(600)])).toHaveLength(1);
  });

  it.each([
    [503, "UPSTREAM_STATUS", "throttled", "busy"],
    [429, "UPSTREAM_STATUS", "throttled", "busy"],
    [401, "UNAUTHENTICATED", "auth", "unauthorized"],
  ])("%i is %s, %s, of the kind %s, with the server's hint", async (status, code, verdict, name) => {
    const { client, faults } = await setUp();
    faults.inject("ollama", { kind: "status", status, retryAfterSeconds: 7 }, { match: /chat/ });
    const refused = expect.objectContaining({ code, verdict, status, retryAfterMs: 7_000, details: kind(name) });
    await expect(client.chat({ messages: sky })).rejects.toEqual(refused);
  });

  it("an empty 403 is about the Host header, and says what the proxy must do", async () => {
    const server = createServer((_, response) => response.writeHead(403).end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = new OllamaClient({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      model: "m",
    });
    await expect(client.chat({ messages: sky })).rejects.toMatchObject({
      code: "FORBIDDEN",
      details: kind("host_forbidden"),
      message: expect.stringContaining("Host: localhost"),
    });
    server.close();
  });

  it("a reset connection is a network error that may be retried", async () => {
    const { client, faults } = await setUp();
    await client.models();
    faults.inject("ollama", { kind: "reset" }, { match: /chat/ });
    await expect(client.chat({ messages: sky })).rejects.toMatchObject({ code: "NETWORK", verdict: "retryable" });
  });
});

describe("Finding the server", () => {
  it("names both addresses where nobody listens, and is sure that nothing was sent", async () => {
    const { client, standIn } = await setUp();
    await standIn.close();
    await expect(client.chat({ messages: sky })).rejects.toMatchObject({
      code: "NETWORK",
      notSent: true,
      message: expect.stringMatching(/\/api\/version.*\/v1\/models/),
    });
  });

  it("names both addresses where something else answers", async () => {
    const server = createServer((_, response) => response.end("<html>hello</html>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = new OllamaClient({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      model: "m",
    });
    await expect(client.chat({ messages: sky })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringMatching(/\/api\/version nor .*\/v1\/models.*OLLAMA_BASE_URL/),
    });
    server.close();
  });

  it("asks again after a failure", async () => {
    const { client, faults } = await setUp();
    faults.inject("ollama", { kind: "status", status: 500 });
    await expect(client.models()).rejects.toMatchObject({ status: 500 });
    expect(await client.models()).toHaveLength(2);
  });

  it("does not let one caller's abort end the question of another", async () => {
    const { client } = await setUp();
    const wish = new AbortController();
    const first = client.models({ signal: wish.signal });
    const second = client.models();
    wish.abort();
    await expect(first).rejects.toMatchObject({ code: "ABORTED" });
    expect(await second).toHaveLength(2);
  });
});

describe("A closed client", () => {
  it("refuses every call, and closes twice", async () => {
    const { client } = await setUp();
    await client.close();
    await client.close();
    for (const call of [client.chat({ messages: sky }), client.embed(["a"]), client.models()])
      await expect(call).rejects.toMatchObject({ code: "CLOSED" });
  });
});
