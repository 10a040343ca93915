import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { OllamaClient } from "../../../src/clients/ollama/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { EventRecorder } from "../../../src/testing/index.ts";
import { drain, recordingFetch, setUp, sky } from "./set-up.ts";

describe("chat", () => {
  it.each([false, true])(
    "gives the whole answer with usage (server without the native API: %s)",
    async (openAiOnly) => {
      const { client } = await setUp({}, { openAiOnly });
      const answer = await client.chat({ messages: sky });
      expect(answer).toMatchObject({ text: "The sky is blue.", reason: "stop", model: "standin:latest" });
      expect(answer.usage.outputTokens).toBe(4);
      expect(answer.durations === undefined).toBe(openAiOnly);
    },
  );

  it("streams inside and always sends temperature, limit and keep_alive", async () => {
    const recorder = recordingFetch();
    const { client } = await setUp({ fetch: recorder.fetch, keepAliveSeconds: 60, runnerOptions: { num_ctx: 2048 } });
    await client.chat({ messages: sky, maxTokens: 7, seed: 1, stop: ["x"] });
    expect(recorder.to("/api/chat")[0]!.body).toMatchObject({
      model: "standin:latest",
      stream: true,
      keep_alive: 60,
      options: { temperature: 0.7, num_predict: 7, seed: 1, stop: ["x"], num_ctx: 2048 },
    });
  });

  it("sends the same over /v1, where names differ", async () => {
    const recorder = recordingFetch();
    const { client } = await setUp({ fetch: recorder.fetch, temperature: 0.1 }, { openAiOnly: true });
    await client.chat({ messages: sky, maxTokens: 7, format: "json" });
    expect(recorder.to("/v1/chat/completions")[0]!.body).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.1,
      max_tokens: 7,
      response_format: { type: "json_object" },
    });
  });

  it("asks once which face the server shows", async () => {
    const recorder = recordingFetch();
    const { client } = await setUp({ fetch: recorder.fetch });
    await Promise.all([client.chat({ messages: sky }), client.models()]);
    await client.chat({ messages: sky });
    expect(recorder.to("/api/version")).toHaveLength(1);
  });

  it("reuses the connection of a finished answer", async () => {
    const server = createServer((request, response) =>
      response.end(request.url === "/api/version" ? '{"version":"1"}' : '{"message":{"content":"hi"},"done":true}\n'),
    );
    let connections = 0;
    server.on("connection", () => (connections += 1));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = new OllamaClient({ baseUrl: `:${(server.address() as AddressInfo).port}`, model: "m" });
    for (let turn = 0; turn < 5; turn += 1) expect((await client.chat({ messages: sky })).text).toBe("hi");
    expect(connections).toBeLessThan(3); // without reuse it were six
    await client.close();
    server.closeAllConnections();
    server.close();
  });

  it("says when the answer was cut by maxTokens", async () => {
    const { client } = await setUp({ maxTokens: 2 });
    expect(await client.chat({ messages: sky })).toMatchObject({ text: "The sky", reason: "length" });
  });

  it("shares one request between equal deterministic chats, and none between others", async () => {
    const { client, standIn } = await setUp();
    const ask = (seed?: number) => client.chat({ messages: sky, temperature: 0, ...(seed !== undefined && { seed }) });
    expect(await Promise.all([ask(1), ask(1), ask(1)])).toHaveLength(3);
    expect(standIn.stats().chats).toBe(1);
    await Promise.all([ask(), ask(), ask(2)]);
    expect(standIn.stats().chats).toBe(4);
  });

  it("asks again for those who shared the request of a caller that gave up", async () => {
    const { client, standIn, faults } = await setUp();
    const stall = faults.inject("ollama", { kind: "stall" }, { match: /chat/ });
    const impatient = new AbortController();
    const first = client.chat({ messages: sky, temperature: 0, seed: 1, signal: impatient.signal });
    const second = client.chat({ messages: sky, temperature: 0, seed: 1 });
    await vi.waitFor(() => expect(stall.fired).toBe(1), { timeout: 10_000 });
    impatient.abort();
    await expect(first).rejects.toMatchObject({ code: "ABORTED" });
    expect((await second).text).toBe("The sky is blue.");
    expect(standIn.stats().chats).toBe(1);
  });

  it("does not share, and takes a call's runner options, with sharing off", async () => {
    const recorder = recordingFetch();
    const { client, standIn } = await setUp({ fetch: recorder.fetch, sharing: false });
    const ask = () => client.chat({ messages: sky, temperature: 0, seed: 1, runnerOptions: { num_ctx: 512 } });
    await Promise.all([ask(), ask()]);
    expect(standIn.stats().chats).toBe(2);
    expect(recorder.to("/api/chat")[0]!.body["options"]).toMatchObject({ num_ctx: 512 });
  });

  it("reports tokens to listeners", async () => {
    const events = new EventBus();
    using recorder = new EventRecorder(events);
    const { client } = await setUp({ events });
    await client.chat({ messages: sky });
    await client.embed(["two words"]);
    const durationMs = expect.any(Number) as number;
    expect(recorder.of("model.finished")).toEqual([
      { model: "standin:latest", operation: "chat", inputTokens: 19, outputTokens: 4, durationMs },
      { model: "hashing-512", operation: "embed", inputTokens: 2, outputTokens: 0, durationMs },
    ]);
  });

  it.each([
    ["no messages", { messages: [] }, /messages/],
    ["runner options while sharing", { messages: sky, runnerOptions: { num_ctx: 1 } }, /LLAMA_ENABLE_SHARING/],
    ["no model", { messages: sky, model: " " }, /OLLAMA_DEFAULT_MODEL/],
  ])("refuses %s", async (_what, request, words) => {
    const { client } = await setUp();
    await expect(client.chat(request)).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringMatching(words),
    });
  });

  it("sends the API key as a bearer token and shows it nowhere", async () => {
    const recorder = recordingFetch();
    const { client } = await setUp({ fetch: recorder.fetch, apiKey: "key-123" });
    const failure: unknown = await client.chat({ messages: sky, model: "none" }).catch((error: unknown) => error);
    expect(recorder.sent[0]!.headers.get("authorization")).toBe("Bearer key-123");
    const { inspect } = await import("node:util");
    expect(inspect([client, failure], { depth: 9, showHidden: true })).not.toContain("key-123");
  });
});

describe("stream", () => {
  it.each([false, true])("gives words and then one chunk with the finish (only /v1: %s)", async (openAiOnly) => {
    const { client } = await setUp({}, { openAiOnly });
    const { items } = await drain(client.stream({ messages: sky }));
    expect(items.map(({ text }) => text)).toEqual(["The", " sky", " is", " blue.", ""]);
    expect(items.map(({ finish }) => finish?.reason)).toEqual([undefined, undefined, undefined, undefined, "stop"]);
  });
});

describe("generateObject", () => {
  const schema = z.object({ bedrooms: z.int(), price: z.number() });
  const prompt = "The house has 3 bedrooms. Price: $450,000.\nExtract the listing.";

  it("gives a typed object that fits the schema", async () => {
    const { client } = await setUp();
    const { object, repaired } = await client.generateObject({ schema, prompt });
    expect(object.bedrooms + 1).toBe(4);
    expect(object).toEqual({ bedrooms: 3, price: 450_000 });
    expect(repaired).toBe(false);
  });

  it("sends the schema as the format and in the prompt, at temperature 0", async () => {
    const recorder = recordingFetch();
    const { client } = await setUp({ fetch: recorder.fetch });
    await client.generateObject({
      schema,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: prompt },
      ],
    });
    const { body } = recorder.to("/api/chat")[0]!;
    expect(body["format"]).toMatchObject({ type: "object", required: ["bedrooms", "price"] });
    expect(body["options"]).toMatchObject({ temperature: 0 });
    expect((body["messages"] as { content: string }[])[0]!.content).toMatch(
      /Be brief\.[^]*"required":\["bedrooms","price"\]/,
    );
  });

  it("sends a wrong answer back once, with what is wrong", async () => {
    // The stand-in cannot know that a refinement wants another number: the first answer fails, and so does the second.
    const recorder = recordingFetch();
    const { client } = await setUp({ fetch: recorder.fetch });
    const picky = schema.refine(({ bedrooms }) => bedrooms > 100, { message: "too few", path: ["bedrooms"] });
    await expect(client.generateObject({ schema: picky, prompt })).rejects.toMatchObject({
      code: "INVALID_OUTPUT",
      details: { kind: "schema_mismatch" },
      message: expect.stringContaining("bedrooms: too few"),
    });
    const turns = recorder.to("/api/chat");
    expect(turns).toHaveLength(2);
    const repair = (turns[1]!.body["messages"] as { role: string; content: string }[]).slice(-2);
    expect(repair[0]).toEqual({ role: "assistant", content: '{"bedrooms":3,"price":450000}' });
    expect(repair[1]!.content).toContain("bedrooms: too few");
  });

  it("takes the second answer if that one fits, and counts the tokens of both", async () => {
    const { client } = await setUp();
    let checks = 0;
    const stubborn = schema.refine(() => (checks += 1) > 1, { message: "once more" });
    const { object, repaired, usage } = await client.generateObject({ schema: stubborn, prompt });
    expect([object.bedrooms, repaired]).toEqual([3, true]);
    expect(usage.outputTokens).toBe(2);
  });

  it("names maxTokens when the JSON was cut", async () => {
    const { client } = await setUp();
    const long = z.object({ note: z.string() });
    await expect(
      client.generateObject({ schema: long, prompt: "note: one two three four\nExtract it.", maxTokens: 1 }),
    ).rejects.toMatchObject({ code: "INVALID_OUTPUT", details: { kind: "output_truncated" } });
  });

  it("wants either a prompt or messages", async () => {
    const { client } = await setUp();
    await expect(client.generateObject({ schema })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(client.generateObject({ schema, prompt, messages: sky })).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
  });
});

describe("Models", () => {
  it("lists what is installed and what is loaded, and tells dimensions", async () => {
    const { client } = await setUp();
    expect((await client.models()).map(({ name }) => name)).toEqual(["standin:latest", "hashing-512:latest"]);
    expect(await client.loaded()).toEqual([]);
    await client.chat({ messages: sky });
    expect(await client.loaded()).toMatchObject([{ name: "standin:latest", contextLength: 8192 }]);
    expect(await client.dimensions()).toBe(512);
  });

  it("embeds a word to learn the dimensions where nobody tells them, and remembers", async () => {
    const { client, standIn } = await setUp({}, { openAiOnly: true });
    expect(await client.dimensions()).toBe(512);
    expect(await client.dimensions()).toBe(512);
    expect(standIn.stats().embeddedTexts).toBe(1);
  });

  it("pulls with progress", async () => {
    const { client } = await setUp();
    const { items, error } = await drain(client.pull("standin"));
    expect(error).toBeUndefined();
    expect(items.at(-1)).toEqual({ status: "success" });
    expect(items.find(({ completedBytes }) => completedBytes !== undefined)?.totalBytes).toBe(1_000_000);
  });

  it("fails a pull of what does not exist", async () => {
    const { client } = await setUp();
    const { items, error } = await drain(client.pull("nothing"));
    expect(items).toEqual([{ status: "pulling manifest" }]);
    expect(error).toMatchObject({ message: expect.stringContaining("file does not exist") });
  });

  it.each(["loaded", "pull"] as const)("says that %s needs the native API on a server without it", async (method) => {
    const { client } = await setUp({}, { openAiOnly: true });
    const call =
      method === "pull" ? drain(client.pull("x")).then(({ error }) => Promise.reject(error as Error)) : client.loaded();
    await expect(call).rejects.toMatchObject({
      code: "FEATURE_DISABLED",
      message: expect.stringContaining("OpenAI-compatible"),
    });
  });

  it("is up, degraded without a needed model, and down without a server", async () => {
    const { client, standIn } = await setUp();
    expect(await client.health()).toMatchObject({ status: "up", face: "native", missingModels: [] });
    const other = new OllamaClient({ baseUrl: standIn.url, model: "llama3.1:70b" });
    expect(await other.health()).toMatchObject({ status: "degraded", missingModels: ["llama3.1:70b"] });
    await standIn.close();
    const down = await client.health();
    expect(down.status).toBe("down");
    expect(down.message).toContain(standIn.url);
    await expect(client.health(AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
    await other.close();
  });
});

describe("The memory budget", () => {
  const budget = { memoryBudgetBytes: 1_500_000 }; // the two models of the stand-in have a megabyte each

  it("unloads an idle model to make room for another", async () => {
    const { client } = await setUp(budget);
    await client.chat({ messages: sky });
    await client.embed(["a"]);
    expect((await client.loaded()).map(({ name }) => name)).toEqual(["hashing-512:latest"]);
  });

  it("refuses to load beside a model in use, and leaves that alone", async () => {
    const { client, standIn } = await setUp(budget);
    standIn.breakStream({ kind: "stall" });
    const stream = client.stream({ messages: sky });
    await stream.next();
    await expect(client.embed(["a"])).rejects.toMatchObject({
      code: "BUDGET_EXHAUSTED",
      details: { kind: "memory_budget" },
      message: expect.stringContaining("LLAMA_MEMORY_RESERVE_SIZE"),
    });
    await stream.return();
    expect(await client.embed(["a"])).toHaveLength(1);
  });

  it("does not admit two models together that fit only one by one", async () => {
    const { client } = await setUp(budget, { loadDelayMs: 500 });
    const outcomes = await Promise.allSettled([client.chat({ messages: sky }), client.embed(["a"])]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("does not ask without a budget", async () => {
    const recorder = recordingFetch();
    const { client } = await setUp({ fetch: recorder.fetch });
    await client.chat({ messages: sky });
    expect(recorder.to("/api/ps")).toEqual([]);
  });
});

describe("Options", () => {
  it("are refused all at once, each with its name, range and value", () => {
    const make = () => new OllamaClient({ temperature: 3, maxTokens: 0.5, idleTimeoutMs: Number.NaN, model: "" });
    expect(make).toThrow(
      /temperature must be a number from 0 to 2, got 3; maxTokens must be a whole number.*got 0.5; idleTimeoutMs.*got NaN; model must not be empty/,
    );
  });
});
