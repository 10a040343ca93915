import { createHmac, type webcrypto } from "node:crypto";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { base64url, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { SupabaseTokenVerifier, type SupabaseTokenVerifierOptions } from "../../src/security/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

const url = "https://abc.supabase.co";
const jwtSecret = "a shared secret of more than thirty-two bytes";
const es256 = await generateKeyPair("ES256", { extractable: true });
const rotated = await generateKeyPair("ES256", { extractable: true });
const rs256 = await generateKeyPair("RS256", { extractable: true });
type Key = webcrypto.CryptoKey;
const jwk = async (key: Key, kid: string, alg: string): Promise<JWK> => ({ ...(await exportJWK(key)), kid, alg });
const jwks = {
  keys: [await jwk(es256.publicKey, "ec", "ES256"), await jwk(rs256.publicKey, "rsa", "RS256")],
};

const clock = new ManualClock();
const now = () => Math.floor(clock.wallNow() / 1000);
const userClaims = (): JWTPayload => ({
  iss: `${url}/auth/v1`,
  aud: "authenticated",
  sub: "user-1",
  role: "authenticated",
  email: "ada@example.com",
  aal: "aal2",
  session_id: "session-1",
  app_metadata: { plan: "pro" },
  iat: now(),
  exp: now() + 3600,
});

function sign(claims: JWTPayload = userClaims(), how: { alg?: string; kid?: string; key?: Key | string } = {}) {
  const { alg = "ES256", kid = "ec", key = es256.privateKey } = how;
  const secret = typeof key === "string" ? new TextEncoder().encode(key) : key;
  return new SignJWT(claims).setProtectedHeader({ alg, kid, typ: "JWT" }).sign(secret);
}

const verifierWith = (options: Partial<SupabaseTokenVerifierOptions> = {}) =>
  new SupabaseTokenVerifier({ url, jwks, clock, ...options });
const refusal = (reason: string) => ({ code: "UNAUTHENTICATED", verdict: "auth", details: { reason } });

describe("SupabaseTokenVerifier", () => {
  it.each([
    ["ES256", { alg: "ES256", kid: "ec", key: es256.privateKey }],
    ["RS256", { alg: "RS256", kid: "rsa", key: rs256.privateKey }],
    ["HS256", { alg: "HS256", key: jwtSecret }],
  ])("accepts a user's token signed with %s", async (_alg, how) => {
    const verified = await verifierWith({ jwtSecret }).verify(await sign(userClaims(), how));
    expect(verified).toMatchObject({
      userId: "user-1",
      role: "authenticated",
      email: "ada@example.com",
      aal: "aal2",
      sessionId: "session-1",
      expiresAt: now() + 3600,
      claims: { app_metadata: { plan: "pro" } },
    });
  });

  it("refuses HS256 where no secret is configured, even signed with the published key", async () => {
    const publicKey = JSON.stringify(jwks.keys[0]);
    const token = await sign(userClaims(), { alg: "HS256", key: publicKey });
    await expect(verifierWith().verify(token)).rejects.toMatchObject(refusal("algorithm"));
    await expect(verifierWith({ jwtSecret }).verify(token)).rejects.toMatchObject(refusal("signature"));
  });

  it("refuses a shared secret that hides in the key set", async () => {
    const kid = "oct";
    const oct = { kty: "oct", k: base64url.encode(jwtSecret), kid, alg: "HS256" };
    const token = await sign(userClaims(), { alg: "HS256", kid, key: jwtSecret });
    await expect(verifierWith({ jwks: { keys: [oct] } }).verify(token)).rejects.toMatchObject(refusal("algorithm"));
  });

  it("refuses unsigned tokens and other algorithms", async () => {
    const payload = base64url.encode(JSON.stringify(userClaims()));
    for (const alg of ["none", "HS512"]) {
      const head = `${base64url.encode(JSON.stringify({ alg }))}.${payload}`;
      const signature = createHmac("sha512", jwtSecret).update(head).digest("base64url");
      await expect(verifierWith({ jwtSecret }).verify(`${head}.${signature}`)).rejects.toMatchObject(
        refusal("algorithm"),
      );
    }
  });

  it.each([
    ["issuer", { iss: "https://evil.supabase.co/auth/v1" }, "claim"],
    ["audience", { aud: "other" }, "claim"],
    ["a user (a legacy API key)", { sub: undefined, role: "service_role" }, "not_a_user_token"],
    ["an empty user", { sub: "" }, "not_a_user_token"],
    ["a role", { role: undefined }, "claim"],
    ["an expiry", { exp: undefined }, "claim"],
    ["a valid start", { nbf: now() + 60 }, "claim"],
  ])("refuses a token without the right %s", async (_what, change, reason) => {
    const token = await sign({ ...userClaims(), ...change } as JWTPayload);
    await expect(verifierWith().verify(token)).rejects.toMatchObject(refusal(reason));
  });

  it("accepts an expired token for five seconds of clock difference, or as many as configured", async () => {
    const token = await sign({ ...userClaims(), exp: now() - 4 });
    await expect(verifierWith().verify(token)).resolves.toBeDefined();
    await expect(verifierWith({ clockToleranceSeconds: 0 }).verify(token)).rejects.toMatchObject(refusal("expired"));
    const older = await sign({ ...userClaims(), exp: now() - 6 });
    await expect(verifierWith().verify(older)).rejects.toMatchObject(refusal("expired"));
  });

  it("refuses a cached token once it has expired", async () => {
    const verifier = verifierWith();
    const token = await sign({ ...userClaims(), exp: now() + 60 });
    await verifier.verify(token);
    await clock.advance(66_000);
    await expect(verifier.verify(token)).rejects.toMatchObject(refusal("expired"));
  });

  it("refuses every spelling of a token but the canonical one", async () => {
    const token = await sign();
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const lastBitsFlipped =
      signature.slice(0, -1) + String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1);
    const spellings = [
      `${token}=`,
      `${token}==`,
      ` ${token}`,
      `${token}\n`,
      `${header}. ${payload}.${signature}`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}.${lastBitsFlipped}`,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      token.replaceAll("_", "/").replaceAll("-", "+") + "+",
      "",
      `${token}${"A".repeat(20_000)}`,
    ];
    const verifier = verifierWith();
    await verifier.verify(token);
    for (const spelling of spellings)
      await expect(verifier.verify(spelling), JSON.stringify(spelling.slice(-20))).rejects.toMatchObject(
        refusal("malformed"),
      );
    await expect(verifier.verify(undefined as never)).rejects.toMatchObject(refusal("malformed"));
    await expect(verifier.verify("YQ.YQ.YQ")).rejects.toMatchObject(refusal("malformed"));
  });

  it("refuses an altered token and never repeats it in the error", async () => {
    const [header, , signature] = (await sign()).split(".");
    const payload = base64url.encode(JSON.stringify({ ...userClaims(), sub: "somebody-else" }));
    const error = await verifierWith()
      .verify(`${header}.${payload}.${signature}`)
      .then(
        () => expect.unreachable(),
        (thrown: Error) => thrown,
      );
    expect(error).toMatchObject(refusal("signature"));
    for (const secret of [payload, signature!, "somebody-else"])
      expect(JSON.stringify(error) + error.message + error.stack + String(error.cause)).not.toContain(secret);
  });

  it("hands out one frozen answer for a token", async () => {
    const verifier = verifierWith();
    const token = await sign();
    const first = await verifier.verify(token);
    expect(await verifier.verify(token)).toBe(first);
    expect(() => ((first.claims["app_metadata"] as { plan: string }).plan = "free")).toThrow(TypeError);
    expect(await verifierWith({ cacheSize: 0 }).verify(token)).not.toBe(first);
  });

  it("names every wrong option at once", () => {
    const wrong = { url: "nonsense", clockToleranceSeconds: -1, cacheSize: 0.5, jwtSecret: "", jwks: {} as never };
    expect(() => new SupabaseTokenVerifier(wrong)).toThrow(
      expect.objectContaining({
        code: "INVALID_INPUT",
        message: expect.stringMatching(/url .*clockToleranceSeconds .*cacheSize .*jwks .*jwtSecret/),
      }),
    );
  });
});

describe("SupabaseTokenVerifier with a key set on the network", () => {
  let server: Server;
  let requests = 0;
  let answer: { status: number; body: string; headers?: Record<string, string> } | "silence";

  async function serve(body: unknown = jwks) {
    requests = 0;
    answer = { status: 200, body: JSON.stringify(body) };
    server = createServer((_request, response) => {
      requests += 1;
      if (answer !== "silence") response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    return new SupabaseTokenVerifier({ url, jwksUrl, clock, cacheSize: 0 });
  }
  afterEach(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  it("fetches the keys once for many tokens at the same time, and again after ten minutes", async () => {
    const verifier = await serve();
    const token = await sign();
    await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
    expect(requests).toBe(1);
    await clock.advance(600_000);
    await verifier.verify(await sign());
    expect(requests).toBe(2);
  });

  it("asks again for an unknown key, at most every thirty seconds", async () => {
    const verifier = await serve();
    await verifier.verify(await sign());
    const token = await sign(userClaims(), { kid: "new", key: rotated.privateKey });
    for (let i = 0; i < 50; i += 1) await expect(verifier.verify(token)).rejects.toMatchObject(refusal("unknown_key"));
    expect(requests).toBe(1);
    answer = { status: 200, body: JSON.stringify({ keys: [await jwk(rotated.publicKey, "new", "ES256")] }) };
    await clock.advance(30_000);
    await expect(verifier.verify(token)).resolves.toMatchObject({ userId: "user-1" });
    expect(requests).toBe(2);
  });

  it("calls an outage of the keys a network failure, and does not ask again at once", async () => {
    const verifier = await serve();
    answer = { status: 503, body: "", headers: { "retry-after": "7" } };
    const token = await sign();
    for (let i = 0; i < 10; i += 1)
      await expect(verifier.verify(token)).rejects.toMatchObject({
        code: "NETWORK",
        verdict: "retryable",
        retryAfterMs: 7000,
      });
    expect(requests).toBe(1);
    answer = { status: 200, body: JSON.stringify(jwks) };
    await clock.advance(5_000);
    await expect(verifier.verify(token)).resolves.toBeDefined();
  });

  it.each(["<html>", "{}", "[]", "null"])("calls the answer %s an outage, too", async (body) => {
    const verifier = await serve();
    answer = { status: 200, body };
    await expect(verifier.verify(await sign())).rejects.toMatchObject({ code: "NETWORK" });
  });

  it("goes on with the keys it has while they cannot be fetched again, for an hour", async () => {
    const verifier = await serve();
    await verifier.verify(await sign());
    answer = { status: 500, body: "" };
    await clock.advance(650_000);
    await expect(verifier.verify(await sign())).resolves.toBeDefined();
    await clock.advance(3_600_000);
    await expect(verifier.verify(await sign())).rejects.toMatchObject({ code: "NETWORK" });
  });

  it("gives a silent server five seconds", async () => {
    const verifier = await serve();
    answer = "silence";
    const verdict = expect(verifier.verify(await sign())).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringContaining("no answer within 5000 ms"),
    });
    await expect.poll(() => requests).toBe(1);
    await clock.advance(5_000);
    await verdict;
    expect(clock.pendingTimers).toBe(0);
  });
});
