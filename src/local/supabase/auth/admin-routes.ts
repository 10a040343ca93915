import { type Exchange, type Route } from "../router.ts";
import { type Account, mergeMetadata, normalise, userOf } from "./accounts.ts";
import { type AuthContext } from "./auth-context.ts";
import { AuthFault, readJson } from "./auth-fault.ts";
import { checkStrength, hashPassword } from "./passwords.ts";
import { checkEmail } from "./sign-in-routes.ts";

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 1000;

/** User management, for the service key alone. */
export function adminRoutes(auth: AuthContext): Route[] {
  const guarded = (on: string, handle: (exchange: Exchange) => Response | Promise<Response>): Route => ({
    on,
    handle: async (exchange) => {
      await auth.assertService(exchange.request);
      return handle(exchange);
    },
  });
  return [
    guarded("GET /auth/v1/admin/users", ({ url }) => list(auth, url)),
    guarded("POST /auth/v1/admin/users", ({ request }) => create(auth, request)),
    guarded("GET /auth/v1/admin/users/:id", ({ params }) => Response.json(userOf(find(auth, params["id"])))),
    guarded("PUT /auth/v1/admin/users/:id", ({ request, params }) => update(auth, request, find(auth, params["id"]))),
    guarded("DELETE /auth/v1/admin/users/:id", async ({ params }) => {
      const { id } = find(auth, params["id"]);
      auth.accounts.delete(id);
      auth.sessions.end(id);
      await auth.save();
      return Response.json({});
    }),
  ];
}

function list(auth: AuthContext, url: URL): Response {
  const number = (name: string, fallback: number, max: number) => {
    const value = Number(url.searchParams.get(name) || fallback);
    if (!Number.isInteger(value) || value < 1)
      throw new AuthFault(400, "validation_failed", `Bad Pagination Parameters`);
    return Math.min(value, max);
  };
  const page = number("page", 1, Number.MAX_SAFE_INTEGER);
  const size = number("per_page", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
  const all = auth.accounts.all();
  const last = Math.max(1, Math.ceil(all.length / size));
  const link = (to: number, rel: string) => `<${url.pathname}?page=${to}&per_page=${size}>; rel="${rel}"`;
  const links = [...(page < last ? [link(page + 1, "next")] : []), link(last, "last")];
  const users = all.slice((page - 1) * size, page * size).map(userOf);
  const headers = { "x-total-count": String(all.length), link: links.join(", ") };
  return Response.json({ users, aud: "authenticated" }, { headers });
}

async function create(auth: AuthContext, request: Request): Promise<Response> {
  const body = await readJson(request);
  const email = checkEmail(body["email"]);
  assertFree(auth, email);
  const passwordHash = await hashOf(body["password"]);
  const account = auth.accounts.create(
    { email, passwordHash, confirmed: body["email_confirm"] === true },
    auth.timestamp(),
  );
  applyAttributes(auth, account, body);
  await auth.save();
  return Response.json(userOf(account));
}

async function update(auth: AuthContext, request: Request, account: Account): Promise<Response> {
  const body = await readJson(request);
  if (body["email"] !== undefined) {
    const email = checkEmail(body["email"]);
    assertFree(auth, email, account);
    account.email = normalise(email);
  }
  account.passwordHash = (await hashOf(body["password"])) ?? account.passwordHash;
  applyAttributes(auth, account, body);
  account.updatedAt = auth.timestamp();
  await auth.save();
  return Response.json(userOf(account));
}

function applyAttributes(auth: AuthContext, account: Account, body: Record<string, unknown>): void {
  account.userMetadata = mergeMetadata(account.userMetadata, body["user_metadata"]);
  account.appMetadata = mergeMetadata(account.appMetadata, body["app_metadata"]);
  if (typeof body["role"] === "string" && body["role"] !== "") account.role = body["role"];
  if (body["email_confirm"] === true) account.confirmedAt ??= auth.timestamp();
  const ban = body["ban_duration"];
  if (ban === "none") account.bannedUntil = null;
  else if (typeof ban === "string")
    account.bannedUntil = new Date(Date.parse(auth.timestamp()) + durationMs(ban)).toISOString();
}

function assertFree(auth: AuthContext, email: string, holder?: Account): void {
  const found = auth.accounts.byEmail(email);
  if (found && found !== holder)
    throw new AuthFault(422, "email_exists", "A user with this email address has already been registered");
}

async function hashOf(password: unknown): Promise<string | null> {
  if (typeof password !== "string" || password === "") return null;
  checkStrength(password);
  return hashPassword(password);
}

function find(auth: AuthContext, id = ""): Account {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
    throw new AuthFault(404, "validation_failed", "user_id must be an UUID");
  const account = auth.accounts.get(id);
  if (!account) throw new AuthFault(404, "user_not_found", "User not found");
  return account;
}

/** Durations as Go writes them: `1h30m`, `300ms`. */
function durationMs(text: string): number {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text))
    throw new AuthFault(400, "validation_failed", `invalid format for ban duration: ${text}`);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ""] ?? 0), 0);
}
