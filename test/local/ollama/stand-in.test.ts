import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type OllamaStandIn, startOllamaStandIn } from "../../../src/local/ollama/index.ts";

let standIn: OllamaStandIn;
const faults = new FaultPlan();
beforeAll(async () => {
  standIn = await startOllamaStandIn({ faults, embedder: "hashing" });
});
afterAll(() => standIn.close());

const post = (path: string, body: unknown) =>
  fetch(standIn.url + path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is on the wire is what the tests look at
const json = async (response: Promise<Response>): Promise<any> => (await response).json();
const lines = async (response: Response) =>
  (await response.text())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const sky = [{ role: "user", content: "Context: The sky is blue. Grass is green.\nQuestion: What colour is the sky?" }];

describe("The native face", () => {
  it("greets, tells its version and lists its two models", async () => {
    expect(await (await fetch(standIn.url)).text()).toBe("Ollama is running");
    expect(await json(fetch(`${standIn.url}/api/version`))).toEqual({
      version: expect.stringContaining("standin"),
    });
    const { models } = await json(fetch(`${standIn.url}/api/tags`));
    expect(models.map((model: { name: string }) => model.name)).toEqual(["standin:latest", "hashing-512:latest"]);
  });

  it("streams a chat word by word as NDJSON by default, marked as the stand-in's", async () => {
    const response = await post("/api/chat", { model: "standin", messages: sky });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const all = await lines(response);
    expect(all.map((line) => line.message.content).join("")).toBe("The sky is blue.");
    expect(all.length).toBe(5);
    expect(new Set(all.map((line) => line.model))).toEqual(new Set(["standin:latest"]));
    expect(all.at(-1)).toMatchObject({ done: true, done_reason: "stop", eval_count: 4 });
    expect(Number.isInteger(all.at(-1).total_duration)).toBe(true);
    expect(all[0]).not.toHaveProperty("total_duration");
  });

  it("lets a reader see the first words before the last are written", async () => {
    const response = await post("/api/chat", { model: "standin", messages: sky });
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toContain('"The"');
    await reader.cancel();
  });

  it("cuts an answer after num_predict words and says so", async () => {
    const response = await post("/api/chat", {
      model: "standin",
      messages: sky,
      stream: false,
      options: { num_predict: 2 },
    });
    expect(await response.json()).toMatchObject({
      message: { content: "The sky" },
      done_reason: "length",
      eval_count: 2,
    });
  });

  it("loads a model on a chat without messages and unloads it with keep_alive 0", async () => {
    expect(await json(post("/api/chat", { model: "standin" }))).toMatchObject({
      done: true,
      done_reason: "load",
    });
    const loaded = async () => (await json(fetch(`${standIn.url}/api/ps`))).models.map((m: { name: string }) => m.name);
    expect(await loaded()).toContain("standin:latest");
    const unload = await post("/api/chat", { model: "standin", keep_alive: 0 });
    expect(await unload.json()).toMatchObject({ done_reason: "unload" });
    expect(await loaded()).not.toContain("standin:latest");
  });

  it("answers a prompt on /api/generate in `response`", async () => {
    const response = await post("/api/generate", { model: "standin", prompt: sky[0]!.content, stream: false });
    expect(await response.json()).toMatchObject({ response: "The sky is blue.", done: true });
  });

  it("embeds with unit length, slices on demand, and ignores larger dimensions", async () => {
    const embed = async (more: object) =>
      (await json(post("/api/embed", { model: "hashing-512", input: ["a quiet garden", "b"], ...more }))).embeddings;
    const full: number[][] = await embed({});
    expect(full.map((vector) => vector.length)).toEqual([512, 512]);
    const sliced: number[][] = await embed({ dimensions: 64 });
    expect(sliced[0]).toHaveLength(64);
    for (const vector of [...full, ...sliced]) expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    expect((await embed({ dimensions: 4096 }))[0]).toHaveLength(512);
  });

  it("answers no vectors for no input, one for the old endpoint", async () => {
    expect(await json(post("/api/embed", { model: "hashing-512", input: "" }))).toMatchObject({
      embeddings: [],
    });
    const old = await json(post("/api/embeddings", { model: "hashing-512", prompt: "a" }));
    expect(old.embedding).toHaveLength(512);
  });

  it("tells the embedding length and the capability on /api/show", async () => {
    const shown = await json(post("/api/show", { model: "hashing-512" }));
    expect(shown.model_info["hashing.embedding_length"]).toBe(512);
    expect(shown.capabilities).toEqual(["embedding"]);
  });

  it("pulls what it has and fails in the stream for what does not exist", async () => {
    const steps = await lines(await post("/api/pull", { model: "standin" }));
    expect(steps[0]).toEqual({ status: "pulling manifest" });
    expect(steps.at(-1)).toEqual({ status: "success" });
    const failed = await post("/api/pull", { model: "nothing" });
    expect(failed.status).toBe(200);
    expect((await lines(failed)).at(-1)).toEqual({ error: "pull model manifest: file does not exist" });
  });

  it.each([
    ["a body that is not JSON", "/api/chat", "{", 400, /invalid character/],
    ["no body", "/api/chat", "", 400, /missing request body/],
    ["no model", "/api/chat", { messages: sky }, 400, /^model is required$/],
    ["an unknown model in a chat", "/api/chat", { model: "x", messages: sky }, 404, /^model 'x' not found$/],
    [
      "an unknown model in an embed",
      "/api/embed",
      { model: "x", input: "a" },
      404,
      /^model "x" not found, try pulling it first$/,
    ],
    [
      "a chat with the embedding model",
      "/api/chat",
      { model: "hashing-512", messages: sky },
      400,
      /^"hashing-512" does not support chat$/,
    ],
    ["an input that is not text", "/api/embed", { model: "hashing-512", input: [1] }, 400, /^invalid input type$/],
    [
      "a text too long for the model",
      "/api/embed",
      { model: "hashing-512", input: "a ".repeat(600), truncate: false },
      400,
      /^the input length exceeds the context length$/,
    ],
    [
      "a keep_alive that is no duration",
      "/api/chat",
      { model: "standin", messages: sky, keep_alive: "soon" },
      400,
      /invalid duration "soon"/,
    ],
  ])("refuses %s in the server's words", async (_what, path, body, status, words) => {
    const response = await post(path, body);
    expect(response.status).toBe(status);
    expect((await json(Promise.resolve(response))).error).toMatch(words);
  });

  it("answers an unknown path with a text page, like the server's router", async () => {
    const response = await fetch(`${standIn.url}/api/nothing`);
    expect([response.status, await response.text()]).toEqual([404, "404 page not found"]);
    expect(response.headers.get("content-type")).toContain("text/plain");
  });

  it.each([
    ["evil.example.com", 403],
    ["8.8.8.8", 403],
    ["localhost:11434", 200],
    ["192.168.1.5", 200],
    ["[::1]:80", 200],
    ["box.local", 200],
  ])("answers the Host header %s with %i", async (host, expected) => {
    const { status, body } = await new Promise<{ status?: number; body: string }>((resolve, reject) => {
      request(`${standIn.url}/api/version`, { headers: { host } }, (response) => {
        let text = "";
        response.on("data", (piece: Buffer) => (text += piece.toString()));
        response.on("end", () => resolve({ status: response.statusCode!, body: text }));
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(expected);
    if (expected === 403) expect(body).toBe("");
  });
});

describe("The OpenAI-compatible face", () => {
  it("does not stream unless asked, and tells usage", async () => {
    const answer = await json(post("/v1/chat/completions", { model: "standin", messages: sky }));
    expect(answer.choices).toEqual([
      { index: 0, message: { role: "assistant", content: "The sky is blue." }, finish_reason: "stop" },
    ]);
    expect(answer.usage.completion_tokens).toBe(4);
  });

  it("streams events: the role once, a finish chunk, usage when asked, [DONE]", async () => {
    const body = { model: "standin", messages: sky, stream: true, stream_options: { include_usage: true } };
    const response = await post("/v1/chat/completions", body);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const data = (await response.text())
      .trim()
      .split("\n\n")
      .map((event) => event.replace(/^data: /, ""));
    expect(data.at(-1)).toBe("[DONE]");
    const frames = data.slice(0, -1).map((each) => JSON.parse(each));
    expect(frames.filter((frame) => frame.choices[0]?.delta.role === "assistant")).toHaveLength(1);
    expect(frames.at(-2).choices[0]).toEqual({ index: 0, delta: {}, finish_reason: "stop" });
    expect(frames.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 4 } });
  });

  it("embeds as floats and as base64, the same numbers", async () => {
    const embed = async (encoding_format: string) =>
      (await json(post("/v1/embeddings", { model: "hashing-512", input: ["a"], encoding_format }))).data[0].embedding;
    const bytes = Buffer.from(await embed("base64"), "base64");
    const decoded = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    expect([...decoded]).toEqual(((await embed("float")) as number[]).map(Math.fround));
  });

  it("words its errors as OpenAI does", async () => {
    const response = await post("/v1/chat/completions", { model: "x", messages: sky });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: { message: "model 'x' not found", type: "not_found_error", param: null, code: null },
    });
  });
});

describe("The stand-in itself", () => {
  it("says aloud that it hashes, and names its model after that", async () => {
    const warnings: string[] = [];
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (_: object, message: string) => void warnings.push(message),
    };
    const other = await startOllamaStandIn({ faults: new FaultPlan(), embedder: "hashing", logger });
    await other.close();
    expect(other.notice).toContain("not meaning");
    expect(warnings).toEqual([other.notice]);
    expect(other.env.OLLAMA_EMBED_MODEL).toBe("hashing-512");
  });

  it("suffers the plan's faults", async () => {
    faults.inject("ollama", { kind: "status", status: 503 }, { match: /embed/ });
    expect((await post("/api/embed", { model: "hashing-512", input: "a" })).status).toBe(503);
    expect((await post("/api/embed", { model: "hashing-512", input: "a" })).status).toBe(200);
  });

  it("cuts a stream after the pieces it was told to let through", async () => {
    standIn.breakStream({ kind: "cut", afterPieces: 2 });
    const reader = (await post("/api/chat", { model: "standin", messages: sky })).body!.getReader();
    let text = "";
    await expect(
      (async () => {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return "ended well";
          text += new TextDecoder().decode(value);
        }
      })(),
    ).rejects.toThrow();
    expect(text.trim().split("\n")).toHaveLength(2);
  });
});
