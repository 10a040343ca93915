import { inspect } from "node:util";
import { createClient, GoTrueAdminApi } from "@supabase/supabase-js";
import { type FetchLike } from "../../core/index.ts";
import { checkToken, type SupabaseConnection } from "./connection.ts";
import { quotaOfUrl } from "./quotas.ts";

/** What supabase-js's `createClient` makes. */
export type VendorClient = ReturnType<typeof createClient>;

/** The vendor's client with all rights; `auth` is its administration API alone, since nobody signs in here. */
export type SupabaseAdmin = Omit<VendorClient, "auth"> & {
  readonly auth: GoTrueAdminApi & { readonly admin: GoTrueAdminApi };
};

/**
 * The vendor's client for the server itself. A sign-in on a client with the secret key would turn every later caller
 * into that user; with an `accessToken` of its own, the client has no session to lose its rights to.
 */
export function createAdmin(connection: SupabaseConnection): SupabaseAdmin {
  const key = connection.secretKey;
  const fetch = policedFetch(connection);
  const client = createVendorClient(connection, key, null);
  const headers = { apikey: key, Authorization: `Bearer ${key}` };
  const api = concealed(new GoTrueAdminApi({ url: connection.options.authUrl, headers, fetch }), "GoTrueAdminApi");
  // Both spellings work: `admin.auth.createUser` and the vendor's `admin.auth.admin.createUser`.
  return Object.assign(client as Omit<VendorClient, "auth">, { auth: Object.assign(api, { admin: api }) });
}

/** The vendor's client for one user: what it reads and writes, row-level security decides. */
export function createForUser(connection: SupabaseConnection, token: string): VendorClient {
  return createVendorClient(connection, connection.options.publishableKey, checkToken(token));
}

function createVendorClient(connection: SupabaseConnection, key: string, token: string | null): VendorClient {
  const client: VendorClient = createClient(connection.options.url, key, {
    accessToken: async () => token,
    db: { retry: false },
    global: { fetch: policedFetch(connection) },
  });
  connection.channels.watch(client.realtime);
  concealed(client.realtime, "RealtimeClient");
  return concealed(client, "SupabaseClient");
}

/**
 * Puts the vendor's requests under our policies: deadline, breaker, limits, and retries of what only reads. The vendor
 * sees the service's last answer as it is; where there was none, its error carries our message.
 */
function policedFetch(connection: SupabaseConnection): typeof fetch {
  const policed: FetchLike = async (input, init) => {
    let answer: Response | undefined;
    const call = init?.signal ? { signal: init.signal } : {};
    const operation = operationOf(input);
    const quota = quotaOfUrl(String(input)) ?? "supabase.other";
    const write = isWrite(input, init);
    // An Edge Function may do anything, whatever its method says.
    const repeat = write || operation === "functions.request" ? { maxAttempts: 1 } : { idempotent: true };
    try {
      return await connection.run({ operation, quota, write, ...repeat }, call, ({ signal }) => {
        answer = undefined;
        return connection.perform(input, init, signal, (response) => (answer = response));
      });
    } catch (error) {
      if (answer) return answer;
      throw error;
    }
  };
  return policed as typeof fetch; // the vendor passes texts and URLs, never a Request
}

/** `rest.request`, `storage.request`, …: one name per service, for paths are unbounded. */
function operationOf(input: string | URL): string {
  const area = /\/(rest|auth|storage|functions|realtime)\/v1\b/.exec(String(input))?.[1];
  return `${area ?? "other"}.request`;
}

/** By method, but for the questions that storage is asked with POST, and the answers to auth's mails that come by GET. */
function isWrite(input: string | URL, { method = "GET" }: RequestInit = {}): boolean {
  const url = String(input);
  if (/^(GET|HEAD)$/i.test(method)) return /\/auth\/v1\/(verify|callback|authorize)\b/.test(url);
  return !/\/storage\/v1\/object\/(list|list-v2|sign)\//.test(url) || method.toUpperCase() !== "POST";
}

/** The vendor's objects hold the key in plain sight of `inspect` and `JSON.stringify`. */
function concealed<T extends object>(vendor: T, name: string): T {
  const show = () => `${name} {}`;
  Object.defineProperty(vendor, inspect.custom, { value: show });
  Object.defineProperty(vendor, "toJSON", { value: show });
  return vendor;
}
