import { type Route } from "../router.ts";
import { mergeMetadata } from "./accounts.ts";
import { type AuthContext } from "./auth-context.ts";
import { AuthFault, readJson } from "./auth-fault.ts";
import { checkStrength, hashPassword, isPassword } from "./passwords.ts";

/** How a session begins and goes on: sign-up, password, refresh. */
export function signInRoutes(auth: AuthContext): Route[] {
  return [
    { on: "POST /auth/v1/signup", handle: ({ request }) => signUp(auth, request) },
    {
      on: "POST /auth/v1/token",
      handle: async ({ request, url }) => {
        const body = await readJson(request);
        const grant = url.searchParams.get("grant_type");
        if (grant === "password") return signIn(auth, body);
        if (grant === "refresh_token") return refresh(auth, body);
        throw new AuthFault(400, "invalid_credentials", "unsupported_grant_type");
      },
    },
  ];
}

async function signUp(auth: AuthContext, request: Request): Promise<Response> {
  const { email, password, phone, data } = await readJson(request);
  if (phone) throw new AuthFault(400, "phone_provider_disabled", "Phone signups are disabled");
  if (!email) throw new AuthFault(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled");
  if (typeof password !== "string" || password === "")
    throw new AuthFault(400, "validation_failed", "Signup requires a valid password");
  const address = checkEmail(email);
  checkStrength(password);
  const passwordHash = await hashPassword(password);
  if (auth.accounts.byEmail(address)) throw new AuthFault(422, "user_already_exists", "User already registered");
  const now = auth.timestamp();
  const userMetadata = mergeMetadata({}, data);
  const account = auth.accounts.create({ email: address, passwordHash, confirmed: true, userMetadata }, now);
  account.lastSignInAt = now;
  return openSession(auth, account);
}

async function signIn(auth: AuthContext, { email, password }: Record<string, unknown>): Promise<Response> {
  const account = typeof email === "string" ? auth.accounts.byEmail(email) : undefined;
  if (!account || typeof password !== "string" || !(await isPassword(password, account.passwordHash)))
    throw new AuthFault(400, "invalid_credentials", "Invalid login credentials");
  auth.assertNotBanned(account);
  if (account.confirmedAt === null) throw new AuthFault(400, "email_not_confirmed", "Email not confirmed");
  account.lastSignInAt = auth.timestamp();
  return openSession(auth, account);
}

async function openSession(auth: AuthContext, account: Parameters<AuthContext["sessionResponse"]>[0]) {
  const { session, refreshToken } = auth.sessions.open(account.id, auth.tokens.now());
  await auth.save();
  return auth.sessionResponse(account, session, refreshToken);
}

async function refresh(auth: AuthContext, { refresh_token: token }: Record<string, unknown>): Promise<Response> {
  const result = auth.sessions.refresh(typeof token === "string" ? token : "", auth.tokens.now());
  await auth.save();
  if (result.outcome === "reused")
    throw new AuthFault(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
  const account = result.outcome === "ok" ? auth.accounts.get(result.session.userId) : undefined;
  if (result.outcome !== "ok" || !account)
    throw new AuthFault(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found");
  auth.assertNotBanned(account);
  return auth.sessionResponse(account, result.session, result.refreshToken);
}

/** @throws AuthFault `validation_failed` */
export function checkEmail(email: unknown): string {
  if (typeof email === "string" && /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email.trim())) return email;
  throw new AuthFault(400, "validation_failed", "Unable to validate email address: invalid format");
}
