import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { signUp, startProject } from "./vendor.ts";

let dataDir: string;
const running: { standIn: { close(): Promise<void> } }[] = [];
const start = async () => {
  const project = await startProject({ dataDir });
  running.push(project);
  return project;
};
beforeEach(async () => void (dataDir = await mkdtemp(join(tmpdir(), "supabase-stand-in-"))));
afterEach(async () => {
  for (const { standIn } of running.splice(0)) await standIn.close();
  await rm(dataDir, { recursive: true });
});

const text = (content: string) => new TextEncoder().encode(content);

describe("the Supabase stand-in with a data folder", () => {
  it("knows users, sessions, keys, buckets and objects again in the next run", async () => {
    const first = await start();
    const { session, id } = await signUp(first.anon());
    const { storage } = first.service();
    await storage.createBucket("mine", { public: true });
    await storage.from("mine").upload("a.txt", text("kept"));
    await first.standIn.close();

    const second = await start();
    expect(second.standIn.secretKey).toBe(first.standIn.secretKey);
    expect((await second.anon().auth.getUser(session.access_token)).data.user?.id).toBe(id);
    const refreshed = await second.anon().auth.refreshSession({ refresh_token: session.refresh_token });
    expect(refreshed.data.user?.id).toBe(id);
    expect(await (await second.service().storage.from("mine").download("a.txt")).data?.text()).toBe("kept");
  });

  it("has answered only what is on disk already: a crash right after an answer loses nothing", async () => {
    const first = await start();
    await signUp(first.anon());
    await first.service().storage.from("documents").upload("a.txt", text("kept"));
    const second = await start(); // the first one is never closed
    expect((await second.service().auth.admin.listUsers()).data.users).toHaveLength(1);
    expect((await second.service().storage.from("documents").list()).data).toHaveLength(1);
  });

  it("keeps its files to their owner and names none after a user's path", async () => {
    const { service } = await start();
    await service().storage.from("documents").upload("private/letter.txt", text("x"));
    for (const file of ["keys.json", "storage.json"])
      expect((await stat(join(dataDir, file))).mode & 0o777).toBe(0o600);
    const blobs = await readdir(join(dataDir, "objects"));
    expect(blobs).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  it("sweeps bytes that no row names, as a crash in the middle of an upload leaves them", async () => {
    const first = await start();
    await first.service().storage.from("documents").upload("a.txt", text("kept"));
    await first.standIn.close();
    await writeFile(join(dataDir, "objects", "orphan"), "x");
    await writeFile(join(dataDir, "storage.json.tmp"), '{"buckets":');
    const second = await start();
    expect(await readdir(join(dataDir, "objects"))).toHaveLength(1);
    expect(await (await second.service().storage.from("documents").download("a.txt")).data?.text()).toBe("kept");
  });

  it("stores no password and refuses a damaged file by name", async () => {
    const first = await start();
    await signUp(first.anon());
    await first.standIn.close();
    expect(await readFile(join(dataDir, "auth.json"), "utf8")).not.toContain("correct horse");
    await writeFile(join(dataDir, "auth.json"), "{");
    await expect(startProject({ dataDir })).rejects.toThrow(/auth\.json is not the stand-in's state/);
  });
});
