import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EventBus, type FetchLike } from "../../../src/core/index.ts";
import { EventRecorder } from "../../../src/testing/index.ts";
import { ada, eagerRunner, startProject, text } from "./project.ts";

let project: Awaited<ReturnType<typeof startProject>>;
beforeEach(async () => void (project = await startProject()));
afterEach(() => project.standIn.close());

const place = { bucket: "documents", path: "a/hello world.txt" };
const hello = { ...place, body: text("hello"), contentType: "text/plain" };
const read = async () => new TextDecoder().decode((await project.supabase.storage.download(place)).bytes);

describe("SupabaseClient.storage", () => {
  it.each([
    ["bytes", () => text("hello")],
    ["a buffer", () => text("hello").buffer],
    ["a text", () => "hello"],
    ["a blob", () => new Blob(["hello"], { type: "text/html" })],
    ["a web stream", () => new Blob(["hello"]).stream() as ReadableStream<Uint8Array>],
    ["a Node stream", () => Readable.from([Buffer.from("hel"), Buffer.from("lo")])],
  ])("uploads %s and reads it back", async (_shape, body) => {
    const { storage } = project.supabase;
    const uploaded = await storage.upload({ ...hello, body: body() });
    expect(uploaded).toEqual({ ...place, id: expect.any(String), size: 5 });
    const { bytes, contentType, size } = await storage.download(place);
    expect([new TextDecoder().decode(bytes), contentType, size]).toEqual(["hello", "text/plain", 5]);
    expect(await storage.info(place)).toMatchObject({
      id: uploaded.id,
      size: 5,
      etag: "5d41402abc4b2a76b9719d911017c592",
    });
  });

  it("maps the service's 400 to what it means", async () => {
    const { storage } = project.supabase;
    await storage.upload(hello);
    await storage.ensureBucket({ name: "small", public: false, fileSizeLimit: 3, allowedMimeTypes: ["image/png"] });
    const cases = [
      [() => storage.upload(hello), "CONFLICT", 409],
      [() => storage.download({ ...place, path: "missing" }), "NOT_FOUND", 404],
      [() => storage.list({ bucket: "missing" }), "NOT_FOUND", 404],
      [() => storage.upload({ ...hello, bucket: "small", contentType: "image/png" }), "INVALID_INPUT", 413],
      [() => storage.upload({ ...hello, bucket: "small", body: "x" }), "INVALID_INPUT", 415],
    ] as const;
    for (const [act, code, status] of cases)
      await expect(act()).rejects.toMatchObject({ code, status, verdict: "fatal" });
  });

  it("acts as a user when given a token", async () => {
    const { supabase } = project;
    const { user, session } = await supabase.auth.signUp(ada);
    const token = session!.accessToken;
    const own = { ...hello, path: `${user.id}/a.txt`, token };
    await supabase.storage.upload(own);
    expect((await supabase.storage.download(own)).size).toBe(5);
    await expect(supabase.storage.upload({ ...hello, token })).rejects.toMatchObject({
      code: "FORBIDDEN",
      status: 403,
    });
    await supabase.storage.upload(hello);
    await expect(supabase.storage.download({ ...place, token })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(supabase.storage.upload({ ...own, token: "not.a.token" })).rejects.toMatchObject({ verdict: "auth" });
  });

  it("lists folders and files, and deletes what is there", async () => {
    const { storage } = project.supabase;
    for (const path of ["f/a.txt", "f/b.txt", "f/deep/c.txt"]) await storage.upload({ ...hello, path });
    const entries = await storage.list({ bucket: "documents", prefix: "f" });
    expect(entries.map(({ kind, name, size, contentType }) => [kind, name, size, contentType])).toEqual([
      ["file", "a.txt", 5, "text/plain"],
      ["file", "b.txt", 5, "text/plain"],
      ["folder", "deep", undefined, undefined],
    ]);
    expect((await storage.list({ bucket: "documents", prefix: "f", limit: 1, offset: 1 })).map((e) => e.name)).toEqual([
      "b.txt",
    ]);
    expect((await storage.list({ bucket: "documents", prefix: "f", search: "a" })).map((e) => e.name)).toEqual([
      "a.txt",
    ]);
    expect(await storage.remove({ bucket: "documents", paths: ["f/a.txt", "missing"] })).toEqual(["f/a.txt"]);
    expect(await storage.remove({ bucket: "documents", paths: [] })).toEqual([]);
  });

  it("signs URLs that open until they expire", async () => {
    const { supabase, clock } = project;
    await supabase.storage.upload(hello);
    const { url, expiresAt } = await supabase.storage.sign({ ...place, expiresInSeconds: 60 });
    expect(expiresAt).toBe(clock.wallNow() / 1000 + 60);
    expect(await (await fetch(url)).text()).toBe("hello");
    await clock.advance(61_000);
    expect((await fetch(url)).status).toBe(400);
    await expect(supabase.storage.sign({ ...place, expiresInSeconds: 0 })).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
  });

  it("refuses content that it cannot send", async () => {
    const { storage } = project.supabase;
    const wrong = [{ body: undefined }, { body: 7 }, { contentType: "text" }, { contentType: "text/plain\r\nx: y" }];
    for (const change of wrong)
      await expect(storage.upload({ ...hello, ...change } as never)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(project.faults.requests("supabase")).toBe(0);
    const { contentType: _, ...untyped } = hello;
    await storage.upload(untyped);
    expect((await storage.info(place)).contentType).toBe("application/octet-stream");
  });

  it("names the public URL of an object", async () => {
    const { storage } = project.supabase;
    const house = { bucket: "listing-images", path: "a b/1.png" };
    await storage.upload({ ...hello, ...house, contentType: "image/png" });
    expect(await (await fetch(storage.publicUrl(house))).text()).toBe("hello");
  });

  it("makes a bucket be as wanted, and does nothing the second time", async () => {
    const { storage } = project.supabase;
    const settings = { name: "media", public: true, fileSizeLimit: 1000, allowedMimeTypes: ["image/png", "image/*"] };
    expect(await storage.ensureBucket(settings)).toBe("created");
    const same = { ...settings, allowedMimeTypes: ["image/*", "image/png"] };
    expect(await storage.ensureBucket(same)).toBe("unchanged");
    expect(await storage.ensureBucket({ name: "media", public: false })).toBe("updated");
    expect(await storage.ensureBucket({ name: "media", public: false })).toBe("unchanged");
    await expect(project.clientWith({ secretKey: undefined }).storage.ensureBucket(settings)).rejects.toMatchObject({
      code: "FEATURE_DISABLED",
      message: expect.stringContaining("SUPABASE_SERVICE_KEY"),
    });
  });

  it("streams an object and ends the transfer when the reader leaves", async () => {
    const { supabase, clock } = project;
    const content = "x".repeat(3_000_000);
    await supabase.storage.upload({ ...hello, body: content });
    const { body, size, contentType } = await supabase.storage.stream(place);
    expect([size, contentType]).toEqual([3_000_000, "text/plain"]);
    let received = 0;
    for await (const chunk of body) received += chunk.length;
    expect(received).toBe(3_000_000);

    const second = await supabase.storage.stream(place);
    for await (const _chunk of second.body) break;
    expect(clock.pendingTimers).toBe(0);
    await expect(supabase.storage.stream({ ...place, path: "missing" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("gives transfers a deadline of their own", async () => {
    const { clientWith, faults, clock } = project;
    const { storage } = clientWith({ requestTimeoutMs: 10, transferTimeoutMs: 60_000 });
    for (const act of [() => storage.upload(hello), () => storage.download(place), () => storage.stream(place)]) {
      const before = faults.requests("supabase");
      faults.inject("supabase", { kind: "stall" });
      const outcome = expect(act()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      await expect.poll(() => faults.requests("supabase")).toBe(before + 1);
      await clock.advance(59_999);
      expect(clock.pendingTimers).toBe(1);
      await clock.advance(1);
      await outcome;
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it("refuses paths and buckets that would lead elsewhere", async () => {
    const { storage } = project.supabase;
    for (const path of ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\u0000b", "a\\b"])
      await expect(storage.download({ ...place, path }), path).rejects.toMatchObject({ code: "INVALID_INPUT" });
    for (const bucket of ["", "..", "a/b", "a\\b", "x".repeat(101)])
      await expect(storage.download({ ...place, bucket }), bucket).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(project.faults.requests("supabase")).toBe(0);
  });

  it("tells how much was uploaded, and charges the limit it was given", async () => {
    const events = new EventBus();
    const recorder = new EventRecorder(events);
    const limit = { name: "upload", key: "supabase" };
    const inner = eagerRunner(project.clock);
    const limits: unknown[] = [];
    const { storage } = project.clientWith({
      events,
      limits: { upload: limit },
      runner: { ...inner, run: (spec, attempt) => (limits.push(spec.limit), inner.run(spec, attempt)) },
    });
    await storage.upload({ ...hello, body: Readable.from([Buffer.from("hel"), Buffer.from("lo")]) });
    expect(recorder.of("storage.uploaded")).toEqual([{ bucket: "documents", bytes: 5 }]);
    expect(limits).toEqual([limit]);
  });

  it("finds storage at another address", async () => {
    const other = await startProject();
    try {
      const client = project.clientWith({
        storageUrl: `${other.standIn.url}/storage/v1/`,
        secretKey: other.standIn.secretKey,
      });
      await client.storage.upload(hello);
      const { data } = await client.admin.storage.from("documents").download(place.path);
      expect(await data?.text()).toBe("hello");
      expect(project.faults.requests("supabase")).toBe(0);
    } finally {
      await other.standIn.close();
    }
  });
});

describe("SupabaseClient.storage under a runner that retries", () => {
  const retrying = () => project.clientWith({ runner: eagerRunner(project.clock) }).storage;

  it.each(["before", "after"] as const)(
    "stores an object once although the connection was cut %s the work",
    async (phase) => {
      project.faults.inject("supabase", { kind: "reset", phase });
      const { size } = await retrying().upload(hello);
      expect([size, await read()]).toEqual([5, "hello"]);
    },
  );

  it("does not take another's object for its own", async () => {
    const { storage } = project.supabase;
    for (const other of ["jello", "something longer"]) {
      await storage.upload({ ...hello, body: other, upsert: true });
      project.faults.inject("supabase", { kind: "reset" });
      await expect(retrying().upload(hello)).rejects.toMatchObject({ code: "CONFLICT", status: 409 });
      expect(await read()).toBe(other);
    }
  });

  it("does not compare where the first answer already said that the name is taken", async () => {
    await project.supabase.storage.upload(hello);
    const before = project.faults.requests("supabase");
    await expect(retrying().upload(hello)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(project.faults.requests("supabase") - before).toBe(1);
  });

  it("admits not to know where the stored object cannot be looked at", async () => {
    project.faults.inject("supabase", { kind: "reset", phase: "after" }, { match: /^POST/ });
    project.faults.inject("supabase", { kind: "status", status: 403 }, { match: /info/ });
    await expect(retrying().upload(hello)).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
      verdict: "outcome-unknown",
    });
  });

  it("admits not to know where the service stored an equal size in parts, whose checksum says nothing", async () => {
    const inParts: FetchLike = async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).includes("/info/")) return response;
      return Response.json({ ...((await response.json()) as object), etag: '"5d41402abc4b2a76b9719d911017c592-2"' });
    };
    const { storage } = project.clientWith({ runner: eagerRunner(project.clock), fetch: inParts });
    project.faults.inject("supabase", { kind: "reset", phase: "after" }, { match: /^POST/ });
    await expect(storage.upload(hello)).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    project.faults.inject("supabase", { kind: "reset" });
    await expect(storage.upload({ ...hello, body: "longer" })).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("sends a stream once only", async () => {
    project.faults.inject("supabase", { kind: "status", status: 503 });
    const body = new Blob(["hello"]).stream() as ReadableStream<Uint8Array>;
    await expect(retrying().upload({ ...hello, body })).rejects.toMatchObject({ status: 503 });
    expect(project.faults.requests("supabase")).toBe(1);
  });

  it("repeats reads and deletions", async () => {
    await project.supabase.storage.upload(hello);
    const { faults } = project;
    faults.inject("supabase", { kind: "status", status: 503 });
    expect((await retrying().download(place)).size).toBe(5);
    faults.inject("supabase", { kind: "reset", phase: "after" });
    expect(await retrying().remove({ bucket: "documents", paths: [place.path] })).toEqual([]);
    faults.inject("supabase", { kind: "reset", phase: "after" });
    expect(await retrying().ensureBucket({ name: "new", public: true })).toBe("unchanged");
  });
});
