import { afterEach, describe, expect, it } from "vitest";
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from "jose";
import { signUp, startProject, vendor } from "./vendor.ts";

let project: Awaited<ReturnType<typeof startProject>>;
const start = async (options?: Parameters<typeof startProject>[0]) => (project = await startProject(options));
afterEach(() => project.standIn.close());

describe("the Supabase Auth stand-in under the vendor's client", () => {
  it("signs a user up at once, with the claims that Supabase issues", async () => {
    const { anon, standIn } = await start();
    const { data } = await anon().auth.signUp({
      email: "Ada@Example.com",
      password: "correct horse",
      options: { data: { name: "Ada" } },
    });
    expect(data.user).toMatchObject({ email: "ada@example.com", role: "authenticated", aud: "authenticated" });
    expect(data.user?.user_metadata).toMatchObject({ name: "Ada", email_verified: true });
    expect(decodeJwt(data.session!.access_token)).toMatchObject({
      iss: `${standIn.url}/auth/v1`,
      sub: data.user!.id,
      aud: "authenticated",
      role: "authenticated",
      aal: "aal1",
      email: "ada@example.com",
      app_metadata: { provider: "email" },
      is_anonymous: false,
      session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      amr: [{ method: "password", timestamp: expect.any(Number) }],
    });
  });

  it.each([
    ["a known address", { email: "ada@example.com", password: "correct horse" }, 422, "user_already_exists"],
    ["a short password", { email: "bob@example.com", password: "12345" }, 422, "weak_password"],
    ["something that is no address", { email: "bob", password: "correct horse" }, 400, "validation_failed"],
    ["a phone number", { phone: "+15550100", password: "correct horse" }, 400, "phone_provider_disabled"],
  ])("refuses to sign up %s", async (_what, credentials, status, code) => {
    const { anon } = await start();
    await signUp(anon());
    const { error } = await anon().auth.signUp(credentials);
    expect(error).toMatchObject({ status, code });
  });

  it("says why a password is weak", async () => {
    const { anon } = await start();
    const { error } = await anon().auth.signUp({ email: "bob@example.com", password: "12345" });
    expect(error).toMatchObject({ name: "AuthWeakPasswordError", reasons: ["length"] });
  });

  it("signs in with the right password only, and does not tell whether the address exists", async () => {
    const { anon } = await start();
    const { id } = await signUp(anon());
    const good = await anon().auth.signInWithPassword({ email: "ADA@example.com", password: "correct horse" });
    expect(good.data.user?.id).toBe(id);
    for (const email of ["ada@example.com", "nobody@example.com"]) {
      const { error } = await anon().auth.signInWithPassword({ email, password: "wrong horse" });
      expect(error).toMatchObject({ status: 400, code: "invalid_credentials" });
    }
  });

  it("exchanges a refresh token once, and again only while its successor is unused or within ten seconds", async () => {
    const { anon, clock } = await start();
    const { session } = await signUp(anon());
    const refresh = (refresh_token: string) => anon().auth.refreshSession({ refresh_token });
    const first = session.refresh_token;
    const second = (await refresh(first)).data.session!.refresh_token;
    expect(second).not.toBe(first);

    await clock.advance(60_000); // the answer was lost: the parent of the active token gets the same successor
    expect((await refresh(first)).data.session!.refresh_token).toBe(second);

    const third = (await refresh(second)).data.session!.refresh_token;
    await clock.advance(11_000);
    expect((await refresh(first)).error).toMatchObject({ status: 400, code: "refresh_token_already_used" });
    await clock.advance(11_000);
    expect((await refresh(third)).error, "the whole family is revoked").toMatchObject({
      code: "refresh_token_already_used",
    });
    expect((await refresh("made-up")).error).toMatchObject({ code: "refresh_token_not_found" });
  });

  it("shows and changes the own account", async () => {
    const { anon } = await start();
    const client = anon();
    const { session } = await signUp(client);
    const changed = await client.auth.updateUser({ password: "another horse", data: { name: "Ada" } });
    expect(changed.data.user?.user_metadata).toMatchObject({ name: "Ada" });
    const { data } = await anon().auth.getUser(session.access_token);
    expect(data.user?.user_metadata).toMatchObject({ name: "Ada" });
    const same = await client.auth.updateUser({ password: "another horse" });
    expect(same.error).toMatchObject({ code: "same_password" });
    const old = await anon().auth.signInWithPassword({ email: "ada@example.com", password: "correct horse" });
    expect(old.error).toMatchObject({ code: "invalid_credentials" });
  });

  it("ends the sessions that the scope of a sign-out names", async () => {
    const { anon, service } = await start();
    const { session } = await signUp(anon());
    const other = (await anon().auth.signInWithPassword({ email: "ada@example.com", password: "correct horse" })).data
      .session!;
    const alive = async (token: string) => (await anon().auth.getUser(token)).error === null;
    await service().auth.admin.signOut(session.access_token, "others");
    expect([await alive(session.access_token), await alive(other.access_token)]).toEqual([true, false]);
    await service().auth.admin.signOut(session.access_token, "local");
    expect(await alive(session.access_token)).toBe(false);
    expect((await anon().auth.refreshSession({ refresh_token: session.refresh_token })).error).toMatchObject({
      code: "refresh_token_not_found",
    });
  });

  it("refuses tokens that are forged, expired or of a deleted user", async () => {
    const { anon, service, clock } = await start({ accessTokenSeconds: 60 });
    const { id, session } = await signUp(anon());
    const userWith = (token: string) => anon().auth.getUser(token);
    expect((await userWith(`${session.access_token.slice(0, -3)}AAA`)).error).toMatchObject({ code: "bad_jwt" });
    await service().auth.admin.deleteUser(id);
    expect((await userWith(session.access_token)).error).toMatchObject({ code: "user_not_found" });
    await clock.advance(61_000);
    expect((await userWith(session.access_token)).error).toMatchObject({ status: 403, code: "bad_jwt" });
  });

  it("lets the service key alone manage users, page by page", async () => {
    const { anon, service } = await start();
    const admin = service().auth.admin;
    const created = await admin.createUser({
      email: "bob@example.com",
      password: "correct horse",
      app_metadata: { plan: "pro" },
    });
    const id = created.data.user!.id;
    const signIn = () => anon().auth.signInWithPassword({ email: "bob@example.com", password: "correct horse" });
    expect((await signIn()).error).toMatchObject({ code: "email_not_confirmed" });
    await admin.updateUserById(id, { email_confirm: true });
    expect((await signIn()).data.user?.app_metadata).toMatchObject({ plan: "pro" });
    await admin.updateUserById(id, { ban_duration: "1h30m" });
    expect((await signIn()).error).toMatchObject({ code: "user_banned" });

    await admin.createUser({ email: "cy@example.com", email_confirm: true });
    expect((await admin.createUser({ email: "cy@example.com" })).error).toMatchObject({ code: "email_exists" });
    const page = await admin.listUsers({ page: 1, perPage: 1 });
    expect(page.data).toMatchObject({ users: [{ email: "bob@example.com" }], total: 2, nextPage: 2, lastPage: 2 });

    await admin.deleteUser(id);
    expect((await admin.getUserById(id)).error).toMatchObject({ status: 404, code: "user_not_found" });
    expect((await anon().auth.admin.listUsers()).error).toMatchObject({ status: 403, code: "not_admin" });
  });

  it("signs with a published key when asked to", async () => {
    const { anon, standIn } = await start({ algorithm: "ES256" });
    const { id, session } = await signUp(anon());
    const answer = await fetch(`${standIn.url}/auth/v1/.well-known/jwks.json`);
    const jwks = (await answer.json()) as JSONWebKeySet;
    expect(jwks.keys[0]).not.toHaveProperty("d");
    expect(standIn.env).not.toHaveProperty("SUPABASE_JWT_SECRET");
    const { payload } = await jwtVerify(session.access_token, createLocalJWKSet(jwks), {
      currentDate: new Date(project.clock.wallNow()),
    });
    expect(payload.sub).toBe(id);
    expect((await anon().auth.getUser(session.access_token)).error).toBeNull();
  });

  it("answers nothing without an API key and takes keys of both kinds", async () => {
    const { standIn } = await start();
    const health = (headers: Record<string, string>) => fetch(`${standIn.url}/auth/v1/health`, { headers });
    expect((await health({})).status).toBe(401);
    expect((await health({ apikey: "sb_secret_guess" })).status).toBe(401);
    expect((await health({ apikey: standIn.publishableKey })).status).toBe(200);
    const legacy = vendor(standIn, standIn.legacyKeys.service);
    expect((await legacy.auth.admin.listUsers()).error).toBeNull();
    expect((await vendor(standIn, standIn.legacyKeys.anon).auth.admin.listUsers()).error).toMatchObject({
      code: "not_admin",
    });
  });

  it("speaks both of the service's error dialects", async () => {
    const { standIn } = await start();
    const ask = async (headers: Record<string, string>) => {
      const url = `${standIn.url}/auth/v1/token?grant_type=password`;
      const response = await fetch(url, {
        method: "POST",
        body: "{}",
        headers: { apikey: standIn.publishableKey, ...headers },
      });
      return { version: response.headers.get("x-supabase-api-version"), body: await response.json() };
    };
    expect(await ask({})).toEqual({
      version: null,
      body: { code: 400, error_code: "invalid_credentials", msg: "Invalid login credentials" },
    });
    expect(await ask({ "x-supabase-api-version": "2024-01-01" })).toEqual({
      version: "2024-01-01",
      body: { code: "invalid_credentials", message: "Invalid login credentials" },
    });
  });

  it("refuses what it does not offer with the service's own codes", async () => {
    const { anon } = await start();
    expect((await anon().auth.resetPasswordForEmail("ada@example.com")).error).toBeNull();
    expect((await anon().auth.signInWithOtp({ email: "ada@example.com" })).error).toMatchObject({
      code: "otp_disabled",
    });
    expect((await anon().auth.signInAnonymously()).error).toMatchObject({ code: "anonymous_provider_disabled" });
    expect((await anon().auth.verifyOtp({ email: "a@b.c", token: "123456", type: "email" })).error).toMatchObject({
      code: "otp_expired",
    });
  });
});
