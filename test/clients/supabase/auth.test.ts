import { afterEach, describe, expect, it } from "vitest";
import { EventBus } from "../../../src/core/index.ts";
import { EventRecorder } from "../../../src/testing/index.ts";
import { ada, eagerRunner, startProject } from "./project.ts";

let project: Awaited<ReturnType<typeof startProject>>;
const start = async (...args: Parameters<typeof startProject>) => (project = await startProject(...args));
afterEach(() => project.standIn.close());

describe("SupabaseClient.auth", () => {
  it("signs up, signs in and verifies without asking the service", async () => {
    const { supabase, faults, clock } = await start();
    const signedUp = await supabase.auth.signUp({ ...ada, data: { name: "Ada" } });
    expect(signedUp.user).toMatchObject({ email: ada.email, role: "authenticated", userMetadata: { name: "Ada" } });
    const { user, session } = await supabase.auth.signIn(ada);
    expect(user.id).toBe(signedUp.user.id);
    expect(session.expiresAt).toBe(clock.wallNow() / 1000 + 3600);
    const before = faults.requests("supabase");
    const token = await supabase.auth.verify(session.accessToken);
    expect(token).toMatchObject({ userId: user.id, role: "authenticated", email: ada.email, aal: "aal1" });
    expect(faults.requests("supabase")).toBe(before);
  });

  it("verifies the tokens of a project that signs with a key pair", async () => {
    const { supabase, faults } = await start({}, { algorithm: "ES256" });
    const { session, user } = await supabase.auth.signUp(ada);
    const before = faults.requests("supabase");
    for (let i = 0; i < 3; i += 1) expect((await supabase.auth.verify(session!.accessToken)).userId).toBe(user.id);
    expect(faults.requests("supabase")).toBe(before + 1);
  });

  it("refreshes, asks who the user is, and signs out", async () => {
    const { supabase } = await start();
    const { session, user } = await supabase.auth.signUp(ada);
    const refreshed = await supabase.auth.refresh(session!.refreshToken);
    expect(refreshed.session.refreshToken).not.toBe(session!.refreshToken);
    expect((await supabase.auth.user(refreshed.session.accessToken)).id).toBe(user.id);
    await supabase.auth.signOut(refreshed.session.accessToken, { scope: "local" });
    await supabase.auth.signOut(refreshed.session.accessToken); // ended already: no failure
    await expect(supabase.auth.user(refreshed.session.accessToken)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    await expect(supabase.auth.refresh(refreshed.session.refreshToken)).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
      verdict: "auth",
      details: { code: "refresh_token_not_found" },
    });
  });

  it("keeps no session: what one user does leaves the next call untouched", async () => {
    const { supabase, faults } = await start();
    await supabase.auth.signUp(ada);
    await supabase.auth.signIn(ada);
    const { data, error } = await supabase.admin.auth.listUsers();
    expect([data.users.length, error]).toEqual([1, null]);
    expect(faults.requests("supabase")).toBe(3);
  });

  it.each([
    [
      "a wrong password",
      (p: typeof project) => p.supabase.auth.signIn({ ...ada, password: "nonsense" }),
      "UNAUTHENTICATED",
      "invalid_credentials",
    ],
    ["a known address", (p: typeof project) => p.supabase.auth.signUp(ada), "CONFLICT", "user_already_exists"],
    [
      "a weak password",
      (p: typeof project) => p.supabase.auth.signUp({ email: "b@example.com", password: "123" }),
      "INVALID_INPUT",
      "weak_password",
    ],
    [
      "a made-up session",
      (p: typeof project) => p.supabase.auth.refresh("made-up"),
      "UNAUTHENTICATED",
      "refresh_token_not_found",
    ],
    ["a forged token", (p: typeof project) => p.supabase.auth.user("a.b.c"), "UNAUTHENTICATED", "bad_jwt"],
  ])("tells %s by the service's code", async (_what, act, code, vendorCode) => {
    await start();
    await project.supabase.auth.signUp(ada);
    const before = project.faults.requests("supabase");
    await expect(act(project)).rejects.toMatchObject({
      name: "IntegrationError",
      service: "supabase",
      code,
      details: { code: vendorCode },
      attempts: 1,
    });
    expect(project.faults.requests("supabase"), "one attempt is one request").toBe(before + 1);
  });

  it("says why a password is weak", async () => {
    const { supabase } = await start();
    await expect(supabase.auth.signUp({ email: "b@example.com", password: "123" })).rejects.toMatchObject({
      details: { reasons: ["length"] },
    });
  });

  it("tells a banned and an unconfirmed user from a wrong password", async () => {
    const { supabase } = await start();
    const { data } = await supabase.admin.auth.createUser(ada);
    await expect(supabase.auth.signIn(ada)).rejects.toMatchObject({ code: "FORBIDDEN" });
    await supabase.admin.auth.admin.updateUserById(data.user!.id, { email_confirm: true, ban_duration: "1h" });
    await expect(supabase.auth.signIn(ada)).rejects.toMatchObject({
      code: "FORBIDDEN",
      details: { code: "user_banned" },
    });
  });

  it.each([
    [
      "an unavailable service",
      { kind: "status", status: 503, retryAfterSeconds: 7 },
      { code: "UPSTREAM_STATUS", verdict: "retryable", status: 503, retryAfterMs: 7000 },
    ],
    [
      "a rate limit",
      { kind: "status", status: 429, retryAfterSeconds: 60 },
      { code: "UPSTREAM_STATUS", verdict: "throttled", status: 429, retryAfterMs: 60_000 },
    ],
    ["a cut connection", { kind: "reset" }, { code: "NETWORK", verdict: "retryable" }],
    ["a lost answer", { kind: "reset", phase: "after" }, { code: "NETWORK", verdict: "retryable" }],
  ] as const)(
    "meets %s with one request, whatever the operation, and keeps the hint",
    async (_what, fault, expected) => {
      const { supabase, faults } = await start();
      const { session } = await supabase.auth.signUp(ada);
      const acts = [
        () => supabase.auth.signUp({ ...ada, email: "bob@example.com" }),
        () => supabase.auth.signIn(ada),
        () => supabase.auth.refresh(session!.refreshToken),
        () => supabase.auth.user(session!.accessToken),
        () => supabase.auth.signOut(session!.accessToken, { scope: "others" }),
      ];
      for (const act of acts) {
        const before = faults.requests("supabase");
        faults.inject("supabase", fault);
        await expect(act()).rejects.toMatchObject(expected);
        expect(faults.requests("supabase") - before).toBe(1);
      }
    },
  );

  it("repeats a refresh once where a runner retries, and gets the session whose answer was lost", async () => {
    const { clientWith, clock, faults } = await start();
    const supabase = clientWith({ runner: eagerRunner(clock, 5) });
    const { session } = await supabase.auth.signUp(ada);
    faults.inject("supabase", { kind: "reset", phase: "after" }, { match: /refresh_token/ });
    const refreshed = await supabase.auth.refresh(session!.refreshToken);
    await expect(supabase.auth.refresh(refreshed.session.refreshToken)).resolves.toBeDefined();

    const before = faults.requests("supabase");
    faults.inject("supabase", { kind: "status", status: 503 }, { times: 10, match: /refresh_token/ });
    await expect(supabase.auth.refresh(session!.refreshToken)).rejects.toMatchObject({ status: 503 });
    expect(faults.requests("supabase") - before).toBe(2);
  });

  it("never repeats a sign-up whose answer was lost", async () => {
    const { clientWith, clock, faults } = await start();
    const supabase = clientWith({ runner: eagerRunner(clock) });
    faults.inject("supabase", { kind: "reset", phase: "after" });
    await expect(supabase.auth.signUp(ada)).rejects.toMatchObject({ code: "NETWORK" });
    expect(faults.requests("supabase")).toBe(1);
  });

  it("ends at the deadline of the client or of the call, and leaves no timer", async () => {
    const { supabase, clientWith, clock, faults } = await start({ requestTimeoutMs: 2_000 });
    for (const [act, ms] of [
      [() => supabase.auth.signIn(ada), 2_000],
      [() => clientWith({ requestTimeoutMs: 5_000 }).auth.signIn(ada), 5_000],
      [() => supabase.auth.signIn(ada, { deadlineMs: 100 }), 100],
      [() => supabase.auth.refresh("some-token"), 2_000],
    ] as const) {
      const before = faults.requests("supabase");
      faults.inject("supabase", { kind: "stall" });
      const outcome = expect(act()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      await expect.poll(() => faults.requests("supabase")).toBe(before + 1);
      await clock.advance(ms);
      await outcome;
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it("stops when the caller does", async () => {
    const { supabase, faults } = await start();
    faults.inject("supabase", { kind: "stall" });
    const controller = new AbortController();
    const outcome = expect(supabase.auth.signIn(ada, { signal: controller.signal })).rejects.toMatchObject({
      code: "ABORTED",
    });
    await expect.poll(() => faults.requests("supabase")).toBe(1);
    controller.abort();
    await outcome;
  });

  it("tells of each call how it ended, and whose session it proved", async () => {
    const events = new EventBus();
    const recorder = new EventRecorder(events);
    const { supabase } = await start({ events });
    const { user, session } = await supabase.auth.signUp(ada);
    await supabase.auth.verify(session!.accessToken);
    await supabase.auth.signIn({ ...ada, password: "nonsense" }).catch(() => undefined);
    expect(recorder.of("auth.finished")).toEqual([
      { operation: "signUp", outcome: "ok", userId: user.id },
      { operation: "verify", outcome: "ok", userId: user.id },
      { operation: "signIn", outcome: "error" },
    ]);
  });

  it("charges sign-ins to the limit it was given", async () => {
    const { clientWith, clock } = await start();
    const limit = { name: "auth", key: "supabase" };
    const seen: unknown[] = [];
    const inner = eagerRunner(clock);
    const supabase = clientWith({
      limits: { auth: limit },
      runner: { ...inner, run: (spec, attempt) => (seen.push([spec.operation, spec.limit]), inner.run(spec, attempt)) },
    });
    const { session } = await supabase.auth.signUp(ada);
    await supabase.auth.user(session!.accessToken);
    expect(seen).toEqual([
      ["auth.signUp", limit],
      ["auth.user", undefined],
    ]);
  });

  it("refuses unusable input before any request, without repeating it", async () => {
    const { supabase, faults } = await start();
    const acts = [
      () => supabase.auth.signIn({ email: "", password: "x" }),
      () => supabase.auth.signUp({ email: "a@b.c" } as never),
      () => supabase.auth.refresh(""),
      () => supabase.auth.user("canary\r\nx-evil: 1"),
      () => supabase.auth.signOut("canary token"),
    ];
    for (const act of acts) {
      const error = await act().then(
        () => expect.unreachable(),
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({ code: "INVALID_INPUT" });
      expect(error.message).not.toContain("canary");
    }
    expect(faults.requests("supabase")).toBe(0);
  });

  it("says what to do where there is no verifier", async () => {
    const { clientWith } = await start();
    await expect(clientWith({ verifier: undefined }).auth.verify("a.b.c")).rejects.toMatchObject({
      code: "FEATURE_DISABLED",
    });
  });
});
