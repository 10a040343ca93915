import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Listings } from "../../src/listings/index.ts";
import { type Fault } from "../../src/local/index.ts";
import { type ListingsBench, startBench } from "./support.ts";

let bench: ListingsBench;
let token: string;
let userId: string;
beforeAll(async () => {
  bench = await startBench({ houses: 1, impatient: true });
  token = await bench.signUp();
  ({ userId } = await bench.integration.supabase.auth.verify(token));
});
afterEach(() => bench.stack.faults.clear());
afterAll(() => bench[Symbol.asyncDispose]());

const body = new TextEncoder().encode("Offer: 640,000 USD");
const upload = /^POST \/storage/;

async function rowsAt(path: string) {
  return bench.integration.neon.query<{ id: string; status: string; size: number; type: string }>(
    "select id, status, size_bytes::int as size, content_type as type from documents where path = $1",
    [`${userId}/${path}`],
  );
}

async function objectAt(path: string): Promise<Uint8Array> {
  const object = { bucket: "documents", path: `${userId}/${path}`, token };
  return (await bench.integration.supabase.storage.download(object)).bytes;
}

const store = (path: string, bytes = body) =>
  bench.integration.listings.documents.store({ token, path, body: bytes, contentType: "text/plain" });

describe("a stored document", () => {
  it("is an object and a row that agree, in its owner's folder", async () => {
    const stored = await store("offers/1.txt");
    expect(stored).toEqual({
      id: expect.any(String) as string,
      bucket: "documents",
      path: `${userId}/offers/1.txt`,
      sizeBytes: body.byteLength,
    });
    expect(await rowsAt("offers/1.txt")).toEqual([
      { id: stored.id, status: "stored", size: body.byteLength, type: "text/plain" },
    ]);
    expect(await objectAt("offers/1.txt")).toEqual(body);
  });

  it("is replaced, row and object, by another one at the same path", async () => {
    const { id } = await store("offers/2.txt");
    const longer = new TextEncoder().encode("Offer: 655,000 USD, final");
    expect((await store("offers/2.txt", longer)).id).toBe(id);
    expect(await rowsAt("offers/2.txt")).toMatchObject([{ id, status: "stored", size: longer.byteLength }]);
    expect(await objectAt("offers/2.txt")).toEqual(longer);
  });

  it("is its owner's alone", async () => {
    const { id, path } = await store("offers/3.txt");
    const other = await bench.signUp();
    const seen = await bench.integration.neon.asUser(other, (tx) =>
      tx.query("select id from documents where id = $1", [id]),
    );
    expect(seen).toEqual([]);
    const download = bench.integration.supabase.storage.download({ bucket: "documents", path, token: other });
    await expect(download).rejects.toMatchObject({ name: "IntegrationError" });
  });
});

describe("storing a document", () => {
  it.each<[string, Fault]>([
    ["cut-before", { kind: "reset", phase: "before" }],
    ["cut-after", { kind: "reset", phase: "after" }],
    ["stalled", { kind: "stall" }],
    ["throttled", { kind: "status", status: 429 }],
    ["down", { kind: "status", status: 503 }],
  ])("outlasts an upload and a transaction that are %s", async (name, fault) => {
    const { faults } = bench.stack;
    const hit = faults.inject("supabase", fault, { times: 2, match: upload });
    const hitToo = faults.inject("neon", fault, { match: /documents/ });
    await store(`${name}.txt`);
    expect([hit.fired, hitToo.fired]).toEqual([2, 1]);
    expect(await rowsAt(`${name}.txt`)).toMatchObject([{ status: "stored" }]);
    expect(await objectAt(`${name}.txt`)).toEqual(body);
  });

  it("leaves a row that says so when storage refuses the object", async () => {
    const refusal = bench.stack.faults.inject("supabase", { kind: "status", status: 403 }, { match: upload });
    await expect(store("refused.txt")).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(refusal.fired).toBe(1);
    expect(await rowsAt("refused.txt")).toMatchObject([{ status: "failed" }]);
    await store("refused.txt");
    expect(await rowsAt("refused.txt")).toMatchObject([{ status: "stored" }]);
  });

  it("leaves a pending row when it is aborted in the upload, which storing again settles", async () => {
    const stop = new AbortController();
    bench.stack.faults.inject("supabase", { kind: "latency", ms: 60_000 }, { match: upload });
    const cut = bench.integration.listings.documents.store({ token, path: "cut.txt", body, signal: stop.signal });
    const ended = expect(cut).rejects.toMatchObject({ code: "ABORTED" });
    while ((await rowsAt("cut.txt")).length === 0);
    stop.abort();
    await ended;
    expect(await rowsAt("cut.txt")).toMatchObject([{ status: "pending" }]);
    await store("cut.txt");
    expect(await rowsAt("cut.txt")).toMatchObject([{ status: "stored" }]);
    expect(await objectAt("cut.txt")).toEqual(body);
  });

  it("leaves a pending row when the process dies between upload and confirmation", async () => {
    const { neon, tinyfish, ollama, supabase, config } = bench.integration;
    let transactions = 0;
    const listings = new Listings({
      database: {
        query: (text, params, options) => neon.query(text, params, options),
        asUser(user, fn) {
          transactions += 1;
          if (transactions === 2) throw new Error("the process died");
          return neon.asUser(user, fn);
        },
      },
      ...{ scraper: tinyfish, files: supabase.storage, verifier: supabase.auth },
      embedder: { embedModel: config.ollama.embedModel, embed: ollama.embed.bind(ollama) },
    });
    await expect(listings.documents.store({ token, path: "died.txt", body })).rejects.toThrow("the process died");
    expect(await rowsAt("died.txt")).toMatchObject([{ status: "pending" }]);
    expect(await objectAt("died.txt")).toEqual(body);
    await store("died.txt");
    expect(await rowsAt("died.txt")).toMatchObject([{ status: "stored" }]);
  });

  it("ends within its deadline, whatever it waits for", async () => {
    bench.stack.faults.inject("supabase", { kind: "status", status: 503 }, { times: 1_000, match: upload });
    const { documents } = bench.integrate().listings;
    const late = documents.store({ token, path: "late.txt", body, deadlineMs: 600 });
    await expect(late).rejects.toMatchObject({ name: "IntegrationError" });
    expect(await rowsAt("late.txt")).toMatchObject([{ status: "pending" }]);
    bench.stack.faults.clear();
    await bench.integrate().listings.documents.store({ token, path: "late.txt", body });
    expect(await rowsAt("late.txt")).toMatchObject([{ status: "stored" }]);
  });

  it.each(["../other/1.txt", "a//b", "/a", "a/", "", "a/./b", "a\\b", "a\0b"])(
    "refuses the path %j before anything is written",
    async (path) => {
      await expect(store(path)).rejects.toMatchObject({ code: "INVALID_INPUT" });
      const rows = await bench.integration.neon.query("select path from documents where path like '%..%'");
      expect(rows).toEqual([]);
    },
  );

  it("refuses a token that is not genuine, and is switched off by ENABLE_FILE_STORAGE", async () => {
    const forged = bench.integration.listings.documents.store({ token: `${token}x`, path: "a.txt", body });
    await expect(forged).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    const off = bench.integrate({ ENABLE_FILE_STORAGE: "false" }).listings.documents;
    await expect(off.store({ token, path: "a.txt", body })).rejects.toMatchObject({
      code: "FEATURE_DISABLED",
      message: expect.stringContaining("ENABLE_FILE_STORAGE") as string,
    });
  });
});
