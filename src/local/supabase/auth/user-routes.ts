import { type Exchange, type Route } from "../router.ts";
import { mergeMetadata, normalise, userOf } from "./accounts.ts";
import { type AuthContext } from "./auth-context.ts";
import { AuthFault, readJson } from "./auth-fault.ts";
import { checkStrength, hashPassword, isPassword } from "./passwords.ts";
import { checkEmail } from "./sign-in-routes.ts";

/** What a signed-in user does with the own account. */
export function userRoutes(auth: AuthContext): Route[] {
  return [
    {
      on: "GET /auth/v1/user",
      handle: async ({ request }) => Response.json(userOf((await auth.currentUser(request)).account)),
    },
    { on: "PUT /auth/v1/user", handle: ({ request }) => update(auth, request) },
    { on: "POST /auth/v1/logout", handle: (exchange) => signOut(auth, exchange) },
  ];
}

async function update(auth: AuthContext, request: Request): Promise<Response> {
  const { account, session } = await auth.currentUser(request);
  const { email, password, data } = await readJson(request);
  if (email !== undefined) {
    const address = normalise(checkEmail(email));
    const holder = auth.accounts.byEmail(address);
    if (holder && holder !== account)
      throw new AuthFault(422, "email_exists", "A user with this email address has already been registered");
    account.email = address;
  }
  if (typeof password === "string") {
    checkStrength(password);
    if (await isPassword(password, account.passwordHash))
      throw new AuthFault(422, "same_password", "New password should be different from the old password.");
    account.passwordHash = await hashPassword(password);
    auth.sessions.end(account.id, { except: session.id });
  }
  account.userMetadata = mergeMetadata(account.userMetadata, data);
  account.updatedAt = auth.timestamp();
  await auth.save();
  return Response.json(userOf(account));
}

async function signOut(auth: AuthContext, { request, url }: Exchange): Promise<Response> {
  const { account, session } = await auth.currentUser(request);
  const scope = url.searchParams.get("scope") ?? "global";
  if (!["global", "local", "others"].includes(scope))
    throw new AuthFault(400, "validation_failed", `Unsupported logout scope "${scope}"`);
  const which = { global: {}, local: { id: session.id }, others: { except: session.id } };
  auth.sessions.end(account.id, which[scope as keyof typeof which]);
  await auth.save();
  return new Response(null, { status: 204 });
}
