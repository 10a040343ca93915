import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { SignJWT } from "jose";
import { type Logger } from "../../src/core/index.ts";

const secret = "a-test-secret-of-more-than-thirty-two-characters";

/** Points at nothing: an integration made from it can verify users, and none of its services may be called. */
export const offline = {
  NEON_CONNECTION_STRING: "postgresql://app:canary-password@db.example.com/app",
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_ANON_KEY: "sb_publishable_canary1234567890",
  SUPABASE_JWT_SECRET: secret,
  TINYFISH_API_KEY: "sk-mino-canary1234567890",
  LOG_LEVEL: "silent",
};

/** A user's access token, as the project would sign it. */
export async function tokenOf(
  claims: Readonly<Record<string, unknown>> = {},
  options: { readonly signedWith?: string; readonly url?: string; readonly expiresAt?: number } = {},
): Promise<string> {
  const { signedWith = secret, url = offline.SUPABASE_URL, expiresAt = "1h" } = options;
  return new SignJWT({ role: "authenticated", aal: "aal1", ...claims })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(typeof claims["sub"] === "string" ? claims["sub"] : "0b8f9b0e-7e0f-4c8e-9b1e-2f3a4b5c6d7e")
    .setIssuer(`${url}/auth/v1`)
    .setAudience("authenticated")
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(new TextEncoder().encode(signedWith));
}

export interface Served extends AsyncDisposable {
  readonly url: string;
  /** Ends every connection there is; new ones are taken. */
  cut(): void;
}

/** Serves on a free loopback port until the end of the block. */
export async function serve(listener: RequestListener): Promise<Served> {
  const server = createServer(listener);
  return served(server);
}

async function served(server: Server): Promise<Served> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => server.closeAllConnections(),
    [Symbol.asyncDispose]: close,
  };
}

export interface StallingModel extends Served {
  /** Resolves when the next request has come: with its path, and a promise of its caller's going away. */
  arrival(): Promise<{ readonly path: string; readonly gone: Promise<void> }>;
}

/** An Ollama that tells its version, takes every other request and never answers it. */
export async function stallingModel(): Promise<StallingModel> {
  const arrived: IncomingMessage[] = [];
  let told: (() => void) | undefined;
  const server = await serve((request, response) => {
    if (request.url === "/api/version") return void response.end('{"version":"0.12.0"}');
    arrived.push(request);
    response.on("close", () => request.emit("gone"));
    request.resume();
    told?.();
  });
  return {
    ...server,
    async arrival() {
      if (arrived.length === 0) await new Promise<void>((resolve) => (told = resolve));
      const request = arrived.shift()!;
      return { path: request.url ?? "", gone: once(request, "gone").then(() => undefined) };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A logger that keeps its lines. */
export function recordingLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields: fields as Record<string, unknown>, message });
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
