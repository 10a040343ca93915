import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { signUp, startProject, vendor } from "./vendor.ts";

let project: Awaited<ReturnType<typeof startProject>>;
beforeEach(async () => void (project = await startProject()));
afterEach(() => project.standIn.close());

const text = (content: string) => new TextEncoder().encode(content);
const documents = () => project.service().storage.from("documents");
const refusalOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const refused = (statusCode: string, code: string) => ({ status: 400, statusCode, code });

describe("the Supabase Storage stand-in under the vendor's client", () => {
  it("starts with the plan's buckets", async () => {
    const { data } = await project.service().storage.listBuckets();
    expect(data?.map(({ id, public: isPublic }) => [id, isPublic])).toEqual([
      ["listing-images", true],
      ["documents", false],
      ["exports", false],
    ]);
  });

  it("creates, changes, empties and deletes buckets", async () => {
    const { storage } = project.service();
    expect((await storage.createBucket("tmp", { public: false, fileSizeLimit: "1KB" })).data).toEqual({ name: "tmp" });
    expect((await storage.createBucket("tmp")).error).toMatchObject(refused("409", "BucketAlreadyExists"));
    await storage.updateBucket("tmp", { public: true, allowedMimeTypes: ["image/*"] });
    expect((await storage.getBucket("tmp")).data).toMatchObject({
      public: true,
      file_size_limit: 1000,
      allowed_mime_types: ["image/*"],
    });
    await storage.from("tmp").upload("a.png", text("x"), { contentType: "image/png" });
    expect((await storage.deleteBucket("tmp")).error).toMatchObject(refused("409", "ResourceNotEmpty"));
    await storage.emptyBucket("tmp");
    expect((await storage.deleteBucket("tmp")).error).toBeNull();
    expect((await storage.getBucket("tmp")).error).toMatchObject(refused("404", "NoSuchBucket"));
  });

  it.each([
    ["bytes", text("hello")],
    ["a form with a file", new Blob(["hello"], { type: "text/plain" })],
    ["a stream", new Blob(["hello"]).stream()],
  ])("stores an upload sent as %s and gives it back", async (_shape, body) => {
    const options = { contentType: "text/plain", cacheControl: "60", metadata: { origin: "test" } };
    const { data } = await documents().upload("a/hello world.txt", body, options);
    expect(data).toMatchObject({ path: "a/hello world.txt", fullPath: "documents/a/hello world.txt" });
    const download = await documents().download("a/hello world.txt");
    expect(await download.data?.text()).toBe("hello");
    expect((await documents().info("a/hello world.txt")).data).toMatchObject({
      id: data?.id,
      size: 5,
      contentType: expect.stringMatching(/^text\/plain/),
      cacheControl: "max-age=60",
      etag: '"5d41402abc4b2a76b9719d911017c592"',
      metadata: { origin: "test" },
    });
  });

  it("writes over an object only when told to", async () => {
    await documents().upload("a.txt", text("one"));
    expect((await documents().upload("a.txt", text("two"))).error).toMatchObject(refused("409", "KeyAlreadyExists"));
    await documents().upload("a.txt", text("two"), { upsert: true });
    expect(await (await documents().download("a.txt")).data?.text()).toBe("two");
    expect((await documents().update("b.txt", text("x"))).error).toMatchObject(refused("404", "NoSuchKey"));
  });

  it("keeps one of two uploads that race for a name", async () => {
    const results = await Promise.all(["one", "two"].map((body) => documents().upload("a.txt", text(body))));
    expect(results.filter(({ error }) => error === null)).toHaveLength(1);
  });

  it("holds a bucket's limits of size and type", async () => {
    const { storage } = project.service();
    await storage.createBucket("small", { public: false, fileSizeLimit: 4, allowedMimeTypes: ["image/png"] });
    const small = storage.from("small");
    expect((await small.upload("a", text("12345"), { contentType: "image/png" })).error).toMatchObject(
      refused("413", "EntityTooLarge"),
    );
    expect((await small.upload("a", new Blob(["12345"], { type: "image/png" }))).error).toMatchObject(
      refused("413", "EntityTooLarge"),
    );
    expect((await small.upload("a", text("1"), { contentType: "text/html" })).error).toMatchObject(
      refused("415", "InvalidMimeType"),
    );
  });

  it("lists a folder: objects, folders, pages, search and order", async () => {
    for (const name of ["b.txt", "a.txt", "deep/c.txt", "deep/er/d.txt"])
      await documents().upload(`f/${name}`, text(name));
    const names = async (...args: Parameters<ReturnType<typeof documents>["list"]>) =>
      (await documents().list(...args)).data?.map(({ name, id }) => (id === null ? `${name}/` : name));
    expect(await names()).toEqual(["f/"]);
    expect(await names("f")).toEqual(["a.txt", "b.txt", "deep/"]);
    expect(await names("f/deep")).toEqual(["c.txt", "er/"]);
    expect(await names("f", { limit: 1, offset: 1 })).toEqual(["b.txt"]);
    expect(await names("f", { search: "A" })).toEqual(["a.txt"]);
    expect(await names("f", { sortBy: { column: "name", order: "desc" } })).toEqual(["deep/", "b.txt", "a.txt"]);
  });

  it("moves, copies and deletes", async () => {
    await documents().upload("a.txt", text("one"));
    await documents().copy("a.txt", "b.txt");
    await documents().move("a.txt", "c.txt");
    await documents().move("c.txt", "d.txt", { destinationBucket: "exports" });
    expect((await documents().copy("b.txt", "b.txt")).error).toMatchObject(refused("409", "KeyAlreadyExists"));
    expect((await documents().move("a.txt", "z.txt")).error).toMatchObject(refused("404", "NoSuchKey"));
    expect((await documents().list()).data?.map(({ name }) => name)).toEqual(["b.txt"]);
    const { data } = await documents().remove(["b.txt", "missing.txt"]);
    expect(data?.map(({ name }) => name)).toEqual(["b.txt"]);
    expect(await (await project.service().storage.from("exports").download("d.txt")).data?.text()).toBe("one");
  });

  it("signs URLs that open one object for a while", async () => {
    await documents().upload("a b.txt", text("secret"));
    const { data } = await documents().createSignedUrl("a b.txt", 60, { download: "c.txt" });
    const response = await fetch(data!.signedUrl);
    expect(await response.text()).toBe("secret");
    expect(response.headers.get("content-disposition")).toContain("c.txt");
    await documents().upload("other.txt", text("x"));
    const forged = await fetch(data!.signedUrl.replace("a%20b.txt", "other.txt"));
    expect(await refusalOf(forged)).toEqual([400, "InvalidSignature"]);
    await project.clock.advance(61_000);
    const late = await fetch(data!.signedUrl);
    expect(await refusalOf(late)).toEqual([400, "InvalidJWT"]);

    const many = await documents().createSignedUrls(["other.txt", "missing.txt"], 60);
    expect(many.data?.map(({ error }) => error === null)).toEqual([true, false]);
    expect(await (await fetch(many.data![0]!.signedUrl!)).text()).toBe("x");
  });

  it("signs URLs to upload to", async () => {
    const { data } = await documents().createSignedUploadUrl("up.txt");
    const stranger = project.anon().storage.from("documents");
    await stranger.uploadToSignedUrl("up.txt", data!.token, text("sent"));
    expect(await (await documents().download("up.txt")).data?.text()).toBe("sent");
    const again = await stranger.uploadToSignedUrl("up.txt", data!.token, text("twice"));
    expect(again.error).toMatchObject(refused("409", "KeyAlreadyExists"));
    const elsewhere = await stranger.uploadToSignedUrl("other.txt", data!.token, text("x"));
    expect(elsewhere.error).toMatchObject(refused("400", "InvalidSignature"));
    const readUrl = (await documents().createSignedUrl("up.txt", 60)).data!.signedUrl;
    const readToken = new URL(readUrl).searchParams.get("token")!;
    const misuse = await stranger.uploadToSignedUrl("up.txt", readToken, text("x"), { upsert: true });
    expect(misuse.error).toMatchObject(refused("400", "InvalidSignature"));
  });

  it("serves public buckets to everybody and private ones to nobody", async () => {
    const { storage } = project.service();
    await storage.from("listing-images").upload("a.png", text("png"), { contentType: "image/png" });
    await documents().upload("a.txt", text("x"));
    const publicUrl = storage.from("listing-images").getPublicUrl("a.png").data.publicUrl;
    expect((await fetch(publicUrl)).headers.get("content-type")).toBe("image/png");
    const hidden = await fetch(storage.from("documents").getPublicUrl("a.txt").data.publicUrl);
    expect(await refusalOf(hidden)).toEqual([400, "NoSuchBucket"]);
  });

  it("gives a user the own folder of a private bucket and nothing else", async () => {
    const { anon, standIn } = project;
    const ada = await signUp(anon());
    const bob = await signUp(anon(), "bob@example.com");
    const as = (user: typeof ada) => vendor(standIn, standIn.publishableKey, user.session.access_token).storage;
    const path = `${ada.id}/cv.pdf`;
    expect((await as(ada).from("documents").upload(path, text("cv"))).error).toBeNull();
    expect((await as(ada).from("documents").upload("cv.pdf", text("cv"))).error).toMatchObject(
      refused("403", "AccessDenied"),
    );
    const intruder = as(bob).from("documents");
    const results = [
      await intruder.info(path),
      await intruder.createSignedUrl(path, 60),
      await intruder.move(path, `${bob.id}/cv.pdf`),
      await intruder.copy(path, `${bob.id}/cv.pdf`),
      await intruder.update(path, text("x")),
    ];
    expect(results.map(({ error }) => (error as { code?: string } | null)?.code)).toEqual([
      ...["NoSuchKey", "NoSuchKey", "NoSuchKey", "NoSuchKey", "AccessDenied"],
    ]);
    expect((await intruder.remove([path])).data).toEqual([]);
    expect((await intruder.list(ada.id)).data).toEqual([]);
    expect((await as(ada).from("documents").list(ada.id)).data).toHaveLength(1);
    expect((await as(ada).listBuckets()).data).toEqual([]);
    expect((await as(ada).createBucket("mine")).error).toMatchObject(refused("403", "AccessDenied"));
    expect((await anon().storage.from("documents").upload("x", text("x"))).error).toMatchObject(
      refused("403", "AccessDenied"),
    );
  });

  it("lets users add to a public bucket and change only what is theirs", async () => {
    const { anon, standIn } = project;
    const ada = await signUp(anon());
    const bob = await signUp(anon(), "bob@example.com");
    const as = (user: typeof ada) =>
      vendor(standIn, standIn.publishableKey, user.session.access_token).storage.from("listing-images");
    expect((await as(ada).upload("house.png", text("1"))).error).toBeNull();
    expect((await as(bob).upload("house.png", text("2"), { upsert: true })).error).toMatchObject(
      refused("403", "AccessDenied"),
    );
    expect((await as(ada).upload("house.png", text("3"), { upsert: true })).error).toBeNull();
  });

  it("is up without a key", async () => {
    expect((await fetch(`${project.standIn.url}/storage/v1/status`)).status).toBe(200);
  });
});
