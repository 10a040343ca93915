import { type Clock } from "../../../core/index.ts";
import { type Caller, type Gateway } from "../gateway.ts";
import { Snapshot } from "../snapshot.ts";
import { type Tokens } from "../tokens.ts";
import { type Account, Accounts, userOf } from "./accounts.ts";
import { AuthFault } from "./auth-fault.ts";
import { type RefreshToken, type Session, Sessions } from "./sessions.ts";

interface AuthState {
  readonly accounts: Account[];
  readonly sessions: Session[];
  readonly refreshTokens: RefreshToken[];
}

export interface AuthOptions {
  readonly file: string | undefined;
  readonly tokens: Tokens;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly accessTokenSeconds: number;
}

/** What the auth endpoints share: accounts, sessions, and who is asking. */
export class AuthContext {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly #options: AuthOptions;
  readonly #snapshot: Snapshot<AuthState>;

  constructor(options: AuthOptions, state: AuthState | undefined) {
    this.#options = options;
    this.tokens = options.tokens;
    this.accounts = new Accounts(state?.accounts);
    this.sessions = new Sessions(state?.sessions, state?.refreshTokens);
    this.#snapshot = new Snapshot(options.file, () => ({
      accounts: this.accounts.all(),
      ...this.sessions.snapshot(),
    }));
  }

  static async open(options: AuthOptions): Promise<AuthContext> {
    return new AuthContext(options, await Snapshot.load<AuthState>(options.file));
  }

  save(): Promise<void> {
    return this.#snapshot.save();
  }

  /** Now, as the API writes dates. */
  timestamp(): string {
    return new Date(this.#options.clock.wallNow()).toISOString();
  }

  /** The account and session behind the bearer token. */
  async currentUser(request: Request): Promise<{ account: Account; session: Session }> {
    const caller = await this.#identify(request);
    if (caller.kind !== "user")
      throw new AuthFault(403, "bad_jwt", "invalid JWT: unable to parse or verify signature, missing sub claim");
    const account = this.accounts.get(caller.userId);
    if (!account) throw new AuthFault(403, "user_not_found", "User from sub claim in JWT does not exist");
    const session = this.sessions.get(caller.sessionId);
    if (!session) throw new AuthFault(403, "session_not_found", "Session from session_id claim in JWT does not exist");
    return { account, session };
  }

  async assertService(request: Request): Promise<void> {
    const caller = await this.#identify(request);
    if (caller.kind !== "service") throw new AuthFault(403, "not_admin", "User not allowed");
  }

  /** @throws AuthFault `user_banned` */
  assertNotBanned(account: Account): void {
    if (account.bannedUntil !== null && account.bannedUntil > this.timestamp())
      throw new AuthFault(400, "user_banned", "User is banned");
  }

  /** The answer that hands out a session. */
  async sessionResponse(account: Account, session: Session, refreshToken: string): Promise<Response> {
    const { accessTokenSeconds } = this.#options;
    const user = userOf(account);
    const claims = {
      iss: this.tokens.issuer,
      sub: account.id,
      aud: "authenticated",
      email: account.email,
      phone: "",
      app_metadata: account.appMetadata,
      user_metadata: user["user_metadata"],
      role: account.role,
      aal: "aal1",
      amr: [{ method: "password", timestamp: session.signedInAt }],
      session_id: session.id,
      is_anonymous: false,
    };
    return Response.json({
      access_token: await this.tokens.sign(claims, accessTokenSeconds),
      token_type: "bearer",
      expires_in: accessTokenSeconds,
      expires_at: this.tokens.now() + accessTokenSeconds,
      refresh_token: refreshToken,
      user,
    });
  }

  async #identify(request: Request): Promise<Caller> {
    if (!request.headers.has("authorization"))
      throw new AuthFault(401, "no_authorization", "This endpoint requires a valid Bearer token");
    const caller = await this.#options.gateway.identify(request);
    if (caller.kind === "doubtful")
      throw new AuthFault(403, "bad_jwt", `invalid JWT: unable to parse or verify signature, ${caller.reason}`);
    return caller;
  }
}
