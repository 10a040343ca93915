import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OllamaClient } from "../../src/clients/ollama/index.ts";
import { SupabaseAuth } from "../../src/clients/supabase/auth.ts";
import { SupabaseStorage } from "../../src/clients/supabase/storage.ts";
import { TinyFishClient } from "../../src/clients/tinyfish/index.ts";
import { createIntegration, type Integration } from "../../src/index.ts";
import { type LocalStack, type StandInName, startLocalStack } from "../../src/local/index.ts";

const credentials = { email: "ada@example.com", password: "correct horse battery" };
const file = { bucket: "documents", path: "letter.txt" };
const run = { url: "https://example.com", goal: "Count the houses" };
const chat = { messages: [{ role: "user", content: "Hello" }] } as const;
const all = async (items: AsyncIterable<unknown>) => {
  for await (const _ of items);
};

type Operations = Record<string, ["read" | "write" | "local", (integration: Integration) => unknown]>;

/** Every operation of the clients, and whether it changes something at its service. */
const storage: Operations = {
  upload: ["write", ({ supabase }) => supabase.storage.upload({ ...file, body: "text" })],
  remove: ["write", ({ supabase }) => supabase.storage.remove({ bucket: file.bucket, paths: [file.path] })],
  ensureBucket: ["write", ({ supabase }) => supabase.storage.ensureBucket({ name: "documents", public: true })],
  download: ["read", ({ supabase }) => supabase.storage.download(file)],
  stream: ["read", ({ supabase }) => supabase.storage.stream(file)],
  info: ["read", ({ supabase }) => supabase.storage.info(file)],
  list: ["read", ({ supabase }) => supabase.storage.list({ bucket: file.bucket })],
  sign: ["read", ({ supabase }) => supabase.storage.sign({ ...file, expiresInSeconds: 60 })],
  usage: ["read", ({ supabase }) => supabase.storage.usage({ bucket: file.bucket })],
  publicUrl: ["local", ({ supabase }) => supabase.storage.publicUrl(file)],
  forget: ["local", ({ supabase }) => supabase.storage.forget(file.bucket)],
};
const auth: Operations = {
  signUp: ["write", ({ supabase }) => supabase.auth.signUp(credentials)],
  // Sessions and refresh tokens are rows, too.
  signIn: ["write", ({ supabase }) => supabase.auth.signIn(credentials)],
  refresh: ["write", ({ supabase }) => supabase.auth.refresh("a-refresh-token")],
  signOut: ["write", ({ supabase }) => supabase.auth.signOut("an-access-token")],
  user: ["read", ({ supabase }) => supabase.auth.user("an-access-token")],
  verify: ["local", ({ supabase }) => supabase.auth.verify("an-access-token")],
};
const vendor: Operations = {
  "select through the vendor's client": ["read", ({ supabase }) => supabase.admin.from("houses").select()],
  "insert through it": ["write", ({ supabase }) => supabase.admin.from("houses").insert([])],
  "a list of files through it": ["read", ({ supabase }) => supabase.admin.storage.from("documents").list()],
  "a signed URL through it": [
    "read",
    ({ supabase }) => supabase.admin.storage.from("documents").createSignedUrl("a.txt", 60),
  ],
  "a deletion through it": ["write", ({ supabase }) => supabase.admin.storage.from("documents").remove(["a.txt"])],
  "a list of users through it": ["read", ({ supabase }) => supabase.admin.auth.admin.listUsers()],
};
const tinyfish: Operations = {
  run: ["write", ({ tinyfish }) => tinyfish.run(run)],
  stream: ["write", ({ tinyfish }) => all(tinyfish.stream(run))],
  start: ["write", ({ tinyfish }) => tinyfish.start(run)],
  runBatch: ["write", ({ tinyfish }) => tinyfish.runBatch({ runs: [run] })],
  search: ["read", ({ tinyfish }) => tinyfish.search({ query: "houses" })],
  fetch: ["read", ({ tinyfish }) => tinyfish.fetch({ urls: ["https://example.com"] })],
  wallet: ["read", ({ tinyfish }) => tinyfish.wallet()],
  health: ["read", ({ tinyfish }) => tinyfish.health()],
};
const runs: Operations = {
  get: ["read", ({ tinyfish }) => tinyfish.runs.get("run_none")],
  list: ["read", ({ tinyfish }) => tinyfish.runs.list()],
  wait: ["read", ({ tinyfish }) => tinyfish.runs.wait("run_none")],
  // Allowed: a run that may not be stopped goes on costing.
  cancel: ["read", ({ tinyfish }) => tinyfish.runs.cancel("run_none")],
};
const ollama: Operations = {
  pull: ["write", ({ ollama }) => all(ollama.pull("llama3.1:70b"))],
  chat: ["read", ({ ollama }) => ollama.chat(chat)],
  stream: ["read", ({ ollama }) => all(ollama.stream(chat))],
  generateObject: ["read", ({ ollama }) => ollama.generateObject({ schema: undefined as never, prompt: "A house" })],
  embed: ["read", ({ ollama }) => ollama.embed(["a quiet garden"])],
  models: ["read", ({ ollama }) => ollama.models()],
  loaded: ["read", ({ ollama }) => ollama.loaded()],
  dimensions: ["read", ({ ollama }) => ollama.dimensions()],
  health: ["read", ({ ollama }) => ollama.health()],
};

const tables: [StandInName, string, Operations][] = [
  ["supabase", "storage", storage],
  ["supabase", "auth", auth],
  ["supabase", "admin", vendor],
  ["tinyfish", "tinyfish", tinyfish],
  ["tinyfish", "runs", runs],
  ["ollama", "ollama", ollama],
];
const operations = tables.flatMap(([service, where, table]) =>
  Object.entries(table).map(([name, [kind, call]]) => ({ service, name: `${where}: ${name}`, kind, call })),
);

describe("a service that is read-only", () => {
  let stack: LocalStack;
  let integration: Integration;
  beforeAll(async () => {
    stack = await startLocalStack();
    integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" });
    for (const service of ["supabase", "tinyfish", "ollama"]) integration.setMode(service, "read-only", "migration");
  });
  afterAll(async () => {
    await integration.close({ timeoutMs: 1 });
    await stack.close();
  });

  /** The vendor's client gives errors instead of throwing them. */
  const errorOf = async (call: (integration: Integration) => unknown): Promise<{ message: string } | undefined> => {
    try {
      const answer = (await call(integration)) as { error?: { message: string } } | undefined;
      return answer?.error ?? undefined;
    } catch (error) {
      return error as Error;
    }
  };

  it.each(operations.filter(({ kind }) => kind === "write"))("refuses $name, and nothing is sent", async (each) => {
    const before = stack.faults.requests(each.service);
    const error = await errorOf(each.call);
    expect(error?.message).toMatch(/the service is read-only now \(migration\)/);
    expect(stack.faults.requests(each.service)).toBe(before);
  });

  it.each(operations.filter(({ kind }) => kind === "read"))("lets $name pass", async ({ call }) => {
    expect((await errorOf(call))?.message ?? "").not.toContain("is read-only now");
  });

  it("has every operation of the clients in these tables", () => {
    const of = (room: { prototype: object }) =>
      Object.entries(Object.getOwnPropertyDescriptors(room.prototype))
        .filter(([name, { value }]) => typeof value === "function" && !["constructor", "close"].includes(name))
        .map(([name]) => name)
        .sort();
    expect(Object.keys(storage).sort()).toEqual(of(SupabaseStorage));
    expect(Object.keys(auth).sort()).toEqual(of(SupabaseAuth));
    expect(Object.keys(tinyfish).sort()).toEqual(of(TinyFishClient));
    expect(Object.keys(runs).sort()).toEqual(Object.keys(integration.tinyfish.runs).sort());
    expect(Object.keys(ollama).sort()).toEqual(of(OllamaClient));
  });
});
