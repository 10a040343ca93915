import { GoTrueAdminApi, GoTrueClient, type Session, type User } from "@supabase/supabase-js";
import { type FetchLike, IntegrationError, type VerifiedToken } from "../../core/index.ts";
import { type CallOptions, checkToken, type Operation, type SupabaseConnection } from "./connection.ts";
import { supabaseError } from "./errors.ts";

/** A user of the project. Only `appMetadata` and `role` are safe to authorise by: `userMetadata` is the user's own. */
export interface AuthUser {
  readonly id: string;
  readonly email: string | undefined;
  readonly phone: string | undefined;
  readonly role: string;
  readonly appMetadata: Readonly<Record<string, unknown>>;
  readonly userMetadata: Readonly<Record<string, unknown>>;
  readonly isAnonymous: boolean;
  /** ISO 8601 */
  readonly createdAt: string;
}

export interface AuthSession {
  readonly accessToken: string;
  /** Good for one exchange. */
  readonly refreshToken: string;
  /** When the access token ends, seconds since the epoch. */
  readonly expiresAt: number;
}

export interface SignedIn {
  readonly user: AuthUser;
  readonly session: AuthSession;
}

/** `session` is null until the user has confirmed the address, in projects that ask for it. */
export interface SignedUp {
  readonly user: AuthUser;
  readonly session: AuthSession | null;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

interface VendorApi {
  readonly auth: GoTrueClient;
  readonly admin: GoTrueAdminApi;
}
type VendorResult = { readonly data: unknown; readonly error: unknown };

/**
 * Sign-up, sign-in and sessions of the users, for a server: nothing is kept here. Each call uses a vendor client of its
 * own, so that no session can leak into another call; tokens go to the host, and the host hands them back.
 */
export class SupabaseAuth {
  readonly #connection: SupabaseConnection;

  constructor(connection: SupabaseConnection) {
    this.#connection = connection;
  }

  /**
   * Verifies an access token here, without a request. It stays valid until it expires, even after a sign-out.
   *
   * @throws IntegrationError `UNAUTHENTICATED`; `NETWORK` if the project's keys are out of reach; `FEATURE_DISABLED`
   * without a verifier
   */
  verify(token: string): Promise<VerifiedToken> {
    const work = async () => {
      const { verifier } = this.#connection.options;
      if (verifier) return verifier.verify(token);
      throw new IntegrationError({
        code: "FEATURE_DISABLED",
        service: "supabase",
        operation: "auth.verify",
        message: "supabase: tokens cannot be verified; give the client a verifier (SupabaseTokenVerifier)",
      });
    };
    return this.#reporting("verify", work, ({ userId }) => userId);
  }

  /**
   * Never retried: it may send a mail.
   *
   * @throws IntegrationError `CONFLICT` for a known address; `INVALID_INPUT` with `details.reasons` for a weak password
   */
  async signUp(input: Credentials & { readonly data?: object }, call?: CallOptions): Promise<SignedUp> {
    const { email, password } = checkCredentials(input);
    const options = { data: input.data ?? {} };
    const { user, session } = await this.#call(this.#limited("signUp"), call, ({ auth }) =>
      auth.signUp({ email, password, options }),
    );
    if (!user) throw unusable("auth.signUp");
    return { user: readUser(user), session: session && readSession(session) };
  }

  /** @throws IntegrationError `UNAUTHENTICATED`; `FORBIDDEN` for an unconfirmed or banned user */
  async signIn(input: Credentials, call?: CallOptions): Promise<SignedIn> {
    const { email, password } = checkCredentials(input);
    const data = await this.#call(this.#limited("signIn"), call, ({ auth }) =>
      auth.signInWithPassword({ email, password }),
    );
    return readSignedIn(data, "auth.signIn");
  }

  /**
   * Exchanges a refresh token for a new session. Tried twice at most: the service accepts the token again for 10 s, and
   * as long as its successor is unused. Never refresh what a browser refreshes, too.
   *
   * @throws IntegrationError `UNAUTHENTICATED` if the token was used, revoked or never was
   */
  async refresh(refreshToken: string, call?: CallOptions): Promise<SignedIn> {
    checkToken(refreshToken, "refreshToken");
    const operation = { ...this.#limited("refresh"), idempotent: true, write: true, maxAttempts: 2 };
    const data = await this.#call(operation, call, ({ auth }) => auth.refreshSession({ refresh_token: refreshToken }));
    return readSignedIn(data, "auth.refresh");
  }

  /** Ends the session (`local`), all of the user's (`global`, the default) or all but this one (`others`). Ending an ended one is no failure. */
  async signOut(
    accessToken: string,
    { scope = "global", ...call }: { readonly scope?: "global" | "local" | "others" } & CallOptions = {},
  ): Promise<void> {
    checkToken(accessToken, "accessToken");
    try {
      await this.#call({ operation: "auth.signOut", idempotent: true, write: true }, call, ({ admin }) =>
        admin.signOut(accessToken, scope),
      );
    } catch (error) {
      if (!(IntegrationError.isInstance(error) && error.details?.["code"] === "session_not_found")) throw error;
    }
  }

  /** Asks the service who the token's user is: slower than {@link verify}, and up to date. @throws IntegrationError `UNAUTHENTICATED` */
  async user(accessToken: string, call?: CallOptions): Promise<AuthUser> {
    checkToken(accessToken, "accessToken");
    const operation = { operation: "auth.user", idempotent: true };
    const { user } = await this.#call(operation, call, ({ auth }) => auth.getUser(accessToken));
    if (!user) throw unusable("auth.user");
    return readUser(user);
  }

  #limited(name: string): Operation {
    const { auth } = this.#connection.options.limits;
    return { operation: `auth.${name}`, ...(auth && { limit: auth }) };
  }

  #call<R extends VendorResult>(
    operation: Operation,
    call: CallOptions | undefined,
    use: (api: VendorApi) => Promise<R>,
  ): Promise<R["data"]> {
    const work = () => this.#connection.run(operation, call, ({ signal }) => this.#attempt(signal, use));
    return this.#reporting(operation.operation.slice("auth.".length), work, userIdOf);
  }

  /**
   * One attempt through a vendor client made for it. The vendor repeats a refresh for up to 30 s by itself, and its
   * errors lose cause and `Retry-After`: so failures are caught in its fetch, and it is given a refusal that it does
   * not repeat.
   */
  async #attempt<R extends VendorResult>(signal: AbortSignal, use: (api: VendorApi) => Promise<R>): Promise<R["data"]> {
    const { authUrl: url, publishableKey: key } = this.#connection.options;
    let failure: unknown;
    const fetch: FetchLike = async (input, init) => {
      try {
        return await this.#connection.perform(input, init, signal);
      } catch (error) {
        failure = error;
        return Response.json({}, { status: 400 });
      }
    };
    // In this spelling: the vendor overwrites the property where it sends a user's token.
    const headers = { apikey: key, Authorization: `Bearer ${key}` };
    const common = { url, headers, fetch: fetch as typeof globalThis.fetch };
    const session = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };
    const auth = new GoTrueClient({ ...common, ...session, skipAutoInitialize: true });
    const { data, error } = await use({ auth, admin: new GoTrueAdminApi(common) });
    if (failure !== undefined) throw failure;
    if (error) throw supabaseError(error);
    return data;
  }

  /** @param userOf whose session or token the result proved, if anybody's */
  async #reporting<T>(
    operation: string,
    work: () => Promise<T>,
    userOf: (result: T) => string | undefined,
  ): Promise<T> {
    const { events } = this.#connection.options;
    try {
      const result = await work();
      const userId = userOf(result);
      events?.emit("auth.finished", { operation, outcome: "ok", ...(userId !== undefined && { userId }) });
      return result;
    } catch (error) {
      events?.emit("auth.finished", { operation, outcome: "error" });
      throw error;
    }
  }
}

/** Of what the vendor answered; nothing where it tells no user. */
function userIdOf(data: unknown): string | undefined {
  const id = (data as { user?: { id?: unknown } | null } | null | undefined)?.user?.id;
  return typeof id === "string" ? id : undefined;
}

function readSignedIn(data: { user: User | null; session: Session | null }, operation: string): SignedIn {
  if (!data.user || !data.session) throw unusable(operation);
  return { user: readUser(data.user), session: readSession(data.session) };
}

function readSession(session: Session): AuthSession {
  const { access_token: accessToken, refresh_token: refreshToken, expires_at: expiresAt = 0 } = session;
  return { accessToken, refreshToken, expiresAt };
}

function readUser(user: User): AuthUser {
  return {
    id: user.id,
    email: user.email || undefined,
    phone: user.phone || undefined,
    role: user.role ?? "authenticated",
    appMetadata: user.app_metadata ?? {},
    userMetadata: user.user_metadata ?? {},
    isAnonymous: user.is_anonymous ?? false,
    createdAt: user.created_at,
  };
}

function checkCredentials(input: Credentials): Credentials {
  for (const name of ["email", "password"] as const)
    if (typeof input?.[name] !== "string" || input[name] === "")
      throw new IntegrationError({
        code: "INVALID_INPUT",
        service: "supabase",
        message: `supabase: ${name} must be a non-empty text`,
      });
  return input;
}

function unusable(operation: string): IntegrationError {
  return new IntegrationError({
    code: "INVALID_OUTPUT",
    service: "supabase",
    operation,
    message: `supabase.${operation}: the service answered without a user or session`,
  });
}
