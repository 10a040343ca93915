import { execFile } from "node:child_process";
import { promisify, inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SupabaseClient, supabaseError } from "../../../src/clients/supabase/index.ts";
import { Secret } from "../../../src/core/index.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { ada, eagerRunner, startProject, text } from "./project.ts";

let project: Awaited<ReturnType<typeof startProject>>;
beforeEach(async () => void (project = await startProject()));
afterEach(() => project.standIn.close());

describe("SupabaseClient.admin and forUser", () => {
  it("act for the user whose token an administration call is given", async () => {
    const { supabase } = project;
    const { session } = await supabase.auth.signUp(ada);
    expect((await supabase.admin.auth.signOut(session!.accessToken)).error).toBeNull();
    await expect(supabase.auth.user(session!.accessToken)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("keep their rights whatever happens on other clients", async () => {
    const { supabase } = project;
    const { session, user } = await supabase.auth.signUp(ada);
    const asUser = supabase.forUser(session!.accessToken).storage.from("documents");
    expect((await asUser.upload(`${user.id}/a.txt`, text("x"))).error).toBeNull();
    expect((await asUser.upload("a.txt", text("x"))).error).toMatchObject({ code: "AccessDenied" });
    expect((await supabase.admin.storage.from("documents").upload("a.txt", text("x"))).error).toBeNull();
    expect(supabase.admin).toBe(supabase.admin);
  });

  it("offer no sign-in on the client with all rights, and user administration in both spellings", async () => {
    const { admin } = project.supabase;
    expect(admin.auth).not.toHaveProperty("signInWithPassword");
    expect((await admin.auth.createUser({ ...ada, email_confirm: true })).error).toBeNull();
    expect((await admin.auth.admin.listUsers()).data.users).toHaveLength(1);
  });

  it.each([
    ["a read", (p: typeof project) => p.supabase.admin.from("notes").select()],
    ["a user's read", (p: typeof project) => p.supabase.forUser("a.b.c").from("notes").select()],
    ["a write", (p: typeof project) => p.supabase.admin.from("notes").insert({ a: 1 } as never)],
    ["an administration call", (p: typeof project) => p.supabase.admin.auth.listUsers()],
    ["a list of files", (p: typeof project) => p.supabase.admin.storage.from("documents").list()],
  ])("send one request for %s, whatever comes back", async (_what, act) => {
    const { faults } = project;
    for (const fault of [
      { kind: "status", status: 503, retryAfterSeconds: 9_999_999_999 },
      { kind: "status", status: 520 },
      { kind: "reset" },
      { kind: "reset", phase: "after" },
    ] as const) {
      const before = faults.requests("supabase");
      faults.inject("supabase", fault);
      expect((await act(project)).error).not.toBeNull();
      expect(faults.requests("supabase") - before).toBe(1);
    }
  });

  it("have a deadline", async () => {
    const { clientWith, faults, clock } = project;
    const { admin } = clientWith({ requestTimeoutMs: 500 });
    faults.inject("supabase", { kind: "stall" });
    const outcome = Promise.resolve(admin.from("notes").select());
    await expect.poll(() => faults.requests("supabase")).toBe(1);
    await clock.advance(500);
    expect((await outcome).error?.message).toContain("not finished within 500 ms");
    expect(clock.pendingTimers).toBe(0);
  });

  it("retry what only reads, under our policies and not under the vendor's", async () => {
    const { clientWith, faults, clock } = project;
    const { admin } = clientWith({ runner: eagerRunner(clock) });
    faults.inject("supabase", { kind: "status", status: 503 });
    expect((await admin.storage.listBuckets()).error).toBeNull();
    expect(faults.requests("supabase")).toBe(2);
    faults.inject("supabase", { kind: "status", status: 503 }, { times: 5 });
    expect((await admin.from("notes").select()).status).toBe(503); // the service's own last answer
    expect(faults.requests("supabase")).toBe(2 + 3);
    expect((await admin.from("notes").insert([] as never)).status).toBe(503);
    expect((await admin.functions.invoke("report", { method: "GET" })).error).not.toBeNull();
    expect(faults.requests("supabase")).toBe(2 + 3 + 2);
  });

  it("are refused for no outage but that of the part they ask", async () => {
    const runner = createPipeline({ services: { supabase: { maxAttempts: 1, breaker: { minimumCalls: 3 } } } });
    const { faults, supabase } = await startProject({ runner });
    faults.inject("supabase", { kind: "status", status: 503 }, { match: /\/rest\//, times: 9 });
    const rows = () => supabase.admin.from("notes").select();
    for (let call = 0; call < 3; call += 1) expect((await rows()).error?.message).not.toContain("circuit");
    expect((await rows()).error?.message).toContain("supabase.rest: the circuit is open");
    expect((await supabase.admin.auth.listUsers()).error).toBeNull();
    expect((await supabase.admin.storage.listBuckets()).error).toBeNull();
    expect(runner.breakers().map(({ part, state }) => [part, state])).toEqual([
      [undefined, "closed"],
      ["rest", "open"],
      ["auth", "closed"],
      ["storage", "closed"],
    ]);
  });

  it("heed the caller's signal", async () => {
    const { supabase, faults } = project;
    faults.inject("supabase", { kind: "stall" });
    const controller = new AbortController();
    const outcome = Promise.resolve(supabase.admin.from("notes").select().abortSignal(controller.signal));
    await expect.poll(() => faults.requests("supabase")).toBe(1);
    controller.abort();
    expect((await outcome).error?.message).toContain("aborted");
  });

  it("give the service's own answers to the vendor, untouched", async () => {
    const { error } = await project.supabase.admin.storage.from("documents").info("missing");
    expect(error).toMatchObject({ status: 400, statusCode: "404", code: "NoSuchKey" });
    expect(supabaseError(error)).toMatchObject({ code: "NOT_FOUND", status: 404, cause: error });
  });

  it("need the secret key, and say which setting that is", () => {
    expect(() => project.clientWith({ secretKey: undefined }).admin).toThrow(
      expect.objectContaining({ code: "FEATURE_DISABLED", message: expect.stringContaining("SUPABASE_SERVICE_KEY") }),
    );
  });

  it("refuse a token that cannot be one, without repeating it", () => {
    expect(() => project.supabase.forUser("canary\n")).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    expect(() => project.supabase.forUser("canary\n")).not.toThrow(/canary/);
  });
});

describe("supabaseError", () => {
  it("turns the vendor's errors into ours by code", async () => {
    const { supabase, faults } = project;
    const { error: taken } = await supabase.admin.auth.createUser({ ...ada });
    expect(taken).toBeNull();
    const { error: again } = await supabase.admin.auth.createUser({ ...ada });
    expect(supabaseError(again)).toMatchObject({ code: "CONFLICT", verdict: "fatal", status: 422 });
    faults.inject("supabase", { kind: "reset" });
    const { error: cut } = await supabase.admin.auth.listUsers();
    expect(supabaseError(cut)).toMatchObject({ code: "NETWORK", verdict: "retryable" });
    expect(supabaseError({ message: "permission denied", code: "42501", details: null })).toMatchObject({
      code: "FORBIDDEN",
      verdict: "auth",
    });
    expect(supabaseError({ message: "0 rows", code: "PGRST116" })).toMatchObject({ code: "NOT_FOUND" });
    expect(supabaseError({ message: "new", code: "PGRST999" })).toMatchObject({
      code: "QUERY_FAILED",
      verdict: "fatal",
    });
    expect(supabaseError({ message: "TypeError: fetch failed", code: "" })).toMatchObject({ code: "NETWORK" });
    expect(supabaseError({ message: "JWT expired", code: "PGRST303" })).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(supabaseError({ message: "off", code: "otp_disabled", status: 422 })).toMatchObject({
      code: "FEATURE_DISABLED",
    });
  });
});

describe("SupabaseClient", () => {
  it("reports the health of each service without touching anything", async () => {
    const { supabase, faults, clock } = project;
    expect(await supabase.health()).toEqual({
      status: "up",
      checks: { auth: { status: "up", latencyMs: 0 }, storage: { status: "up", latencyMs: 0 } },
    });
    faults.inject("supabase", { kind: "status", status: 503 }, { match: /auth/ });
    expect(await supabase.health()).toMatchObject({
      status: "degraded",
      checks: { auth: { status: "down", message: expect.stringContaining("503") } },
    });
    faults.inject("supabase", { kind: "stall" }, { times: 2 });
    const before = faults.requests("supabase");
    const silent = supabase.health();
    await expect.poll(() => faults.requests("supabase") - before).toBe(2);
    await clock.advance(3_000);
    expect(await silent).toMatchObject({ status: "down", checks: { storage: { latencyMs: 3000 } } });
    expect(clock.pendingTimers).toBe(0);
  });

  it("names every wrong option at once, and shows no key", () => {
    const wrong = {
      url: "nonsense",
      publishableKey: "sb_secret_canary",
      secretKey: "canary with spaces",
      storageUrl: "ftp://x",
      requestTimeoutMs: 0,
      transferTimeoutMs: NaN,
    };
    const error = (() => {
      try {
        new SupabaseClient(wrong);
        return expect.unreachable();
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toMatchObject({ code: "INVALID_INPUT" });
    for (const name of Object.keys(wrong)) expect(error.message).toContain(name);
    expect(inspect(error)).not.toContain("canary");
  });

  it("shows its keys to nobody", async () => {
    const { standIn, clientWith } = project;
    const supabase = clientWith({ secretKey: new Secret(standIn.secretKey) });
    const { session } = await supabase.auth.signUp(ada);
    const user = supabase.forUser(session!.accessToken);
    const shown = [
      supabase,
      supabase.auth,
      supabase.storage,
      supabase.admin,
      supabase.admin.auth,
      user,
      user.realtime,
      user.storage,
      supabase.admin.realtime,
      supabase.admin.storage,
    ]
      .map((each) => inspect(each, { depth: 10, showHidden: true }) + JSON.stringify(each))
      .join();
    for (const secret of [standIn.secretKey, standIn.publishableKey, session!.accessToken])
      expect(shown).not.toContain(secret);
  });

  it("refuses calls once it is closed", async () => {
    const { supabase, faults } = project;
    const { admin } = supabase;
    await supabase.close();
    await expect(supabase.auth.signIn(ada)).rejects.toMatchObject({ code: "CLOSED" });
    await expect(supabase.storage.list({ bucket: "documents" })).rejects.toMatchObject({ code: "CLOSED" });
    await expect(supabase.storage.stream({ bucket: "documents", path: "a" })).rejects.toMatchObject({ code: "CLOSED" });
    expect((await admin.from("notes").select()).error?.message).toContain("closed");
    expect(faults.requests("supabase")).toBe(0);
  });

  it("lets the process end by itself", async () => {
    const { url, publishableKey, secretKey } = project.standIn;
    const program = `
      import { SupabaseClient } from ${JSON.stringify(new URL("../../../src/clients/supabase/index.ts", import.meta.url).href)};
      const supabase = new SupabaseClient({ url: "${url}", publishableKey: "${publishableKey}", secretKey: "${secretKey}" });
      const { session } = await supabase.auth.signUp({ email: "eve@example.com", password: "correct horse" });
      await supabase.auth.refresh(session.refreshToken);
      await supabase.forUser(session.accessToken).storage.listBuckets();
      await supabase.admin.auth.listUsers();
      await supabase.health();
      console.log("done");`;
    const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { timeout: 20_000 });
    expect((await run).stdout).toContain("done");
  });
});
