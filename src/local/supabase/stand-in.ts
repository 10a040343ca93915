import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../../core/index.ts";
import { type FaultPlan } from "../faults.ts";
import { startLoopbackServer } from "../loopback-server.ts";
import { adminRoutes } from "./auth/admin-routes.ts";
import { AuthContext } from "./auth/auth-context.ts";
import { renderAuthFault } from "./auth/auth-fault.ts";
import { infoRoutes } from "./auth/info-routes.ts";
import { signInRoutes } from "./auth/sign-in-routes.ts";
import { userRoutes } from "./auth/user-routes.ts";
import { Gateway } from "./gateway.ts";
import { loadKeys } from "./keys.ts";
import { Router } from "./router.ts";
import { bucketRoutes } from "./storage/bucket-routes.ts";
import { objectRoutes } from "./storage/object-routes.ts";
import { signRoutes } from "./storage/sign-routes.ts";
import { StorageContext } from "./storage/storage-context.ts";
import { renderStorageFault } from "./storage/storage-fault.ts";
import { Tokens } from "./tokens.ts";

export interface SupabaseStandInOptions {
  readonly faults: FaultPlan;
  /** @defaultValue 0: any free port */
  readonly port?: number | undefined;
  /** Keeps users, sessions, keys, buckets and objects across runs. @defaultValue none: all in memory */
  readonly dataDir?: string | undefined;
  /** @defaultValue a random one, kept in `dataDir` */
  readonly jwtSecret?: string | undefined;
  /** How access tokens are signed: with the shared secret, or with a key pair whose public half is published. @defaultValue "HS256" */
  readonly algorithm?: "HS256" | "ES256" | undefined;
  /** Lifetime of an access token, seconds. @defaultValue 3600 */
  readonly accessTokenSeconds?: number | undefined;
  readonly clock?: Clock | undefined;
}

export interface SupabaseStandIn {
  readonly url: string;
  /** What a host sets to use this project. `SUPABASE_JWT_SECRET` is there only if tokens are signed with it. */
  readonly env: Readonly<Record<string, string>>;
  readonly publishableKey: string;
  readonly secretKey: string;
  /** The same two rights as JWTs, the kind of key that projects had before 2026. */
  readonly legacyKeys: { readonly anon: string; readonly service: string };
  /** Judges an access token of this project. @returns its claims @throws jose's error */
  readonly verifyToken: (token: string) => Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

const LEGACY_KEY_SECONDS = 10 * 365 * 24 * 3600;

/**
 * A Supabase project on loopback: Auth and Storage as their own SDK expects them. Sign-up confirms at once, no mail is
 * sent; tables live in Neon, so that the Data API answers 404.
 */
export async function startSupabaseStandIn(options: SupabaseStandInOptions): Promise<SupabaseStandIn> {
  const { dataDir, clock = systemClock, algorithm = "HS256", accessTokenSeconds = 3600 } = options;
  if (dataDir !== undefined) await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const keys = await loadKeys(dataDir, options.jwtSecret);

  // Tokens name the server's own address as their issuer: known once it listens, needed first by a request.
  let url = "";
  const tokens = new Tokens({ keys, algorithm, issuer: () => `${url}/auth/v1`, clock });
  const gateway = new Gateway(keys, tokens);
  const file = dataDir && join(dataDir, "auth.json");
  const auth = await AuthContext.open({ file, tokens, gateway, clock, accessTokenSeconds });
  const storage = await StorageContext.open({ dataDir, tokens, gateway, clock });
  const { faults, port } = options;
  const handle = createHandler(auth, storage, gateway);
  const server = await startLoopbackServer({ service: "supabase", faults, port, clock, handle });
  url = server.url;

  const legacyKey = (role: string) => tokens.signWithSecret({ iss: "supabase", role }, LEGACY_KEY_SECONDS);
  const { publishableKey, secretKey, jwtSecret } = keys;
  return {
    url,
    publishableKey,
    secretKey,
    legacyKeys: { anon: await legacyKey("anon"), service: await legacyKey("service_role") },
    env: {
      SUPABASE_URL: url,
      SUPABASE_ANON_KEY: publishableKey,
      SUPABASE_SERVICE_KEY: secretKey,
      SUPABASE_STORAGE_URL: `${url}/storage/v1`,
      ...(algorithm === "HS256" && { SUPABASE_JWT_SECRET: jwtSecret }),
    },
    verifyToken: (token) => tokens.verify(token),
    close: async () => {
      await server.close();
      await Promise.all([auth.save(), storage.save()]);
    },
  };
}

function createHandler(auth: AuthContext, storage: StorageContext, gateway: Gateway) {
  const router = new Router([
    ...[infoRoutes, signInRoutes, userRoutes, adminRoutes].flatMap((routes) => routes(auth)),
    { on: "GET /storage/v1/status", open: true, handle: () => new Response(null) },
    ...[signRoutes, bucketRoutes, objectRoutes].flatMap((routes) => routes(storage)),
  ]);
  return async (request: Request): Promise<Response> => {
    const found = router.match(request);
    const refusal = found?.route.open ? undefined : await gateway.refuse(request);
    if (refusal) return refusal;
    if (!found) return notServed(request);
    try {
      return await found.route.handle(found.exchange);
    } catch (thrown) {
      return found.route.on.includes("/storage/") ? renderStorageFault(thrown) : renderAuthFault(thrown, request);
    }
  };
}

function notServed(request: Request): Response {
  const { pathname } = new URL(request.url);
  const message = `The local Supabase stand-in does not serve ${request.method} ${pathname}`;
  return Response.json({ code: "PGRST125", message, details: null, hint: null }, { status: 404 });
}
