import { randomBytes, randomUUID } from "node:crypto";

export interface Session {
  readonly id: string;
  readonly userId: string;
  /** Seconds since the epoch: when the password was given. */
  readonly signedInAt: number;
}

export interface RefreshToken {
  readonly token: string;
  readonly sessionId: string;
  readonly parent: string | null;
  revoked: boolean;
  /** Seconds since the epoch. */
  updatedAt: number;
}

export type Refreshed =
  | { readonly outcome: "ok"; readonly session: Session; readonly refreshToken: string }
  | { readonly outcome: "unknown" | "reused" };

/** A token that was just exchanged is accepted again for so long, supabase/auth `REFRESH_TOKEN_REUSE_INTERVAL`. */
const REUSE_INTERVAL_SECONDS = 10;

/**
 * Sessions and their refresh tokens. A token is exchanged for a new one once; again only shortly after, or as the
 * parent of the newest one (the answer was lost). Any other reuse looks like theft and revokes the whole family.
 *
 * @see https://github.com/supabase/auth/blob/master/internal/tokens/service.go
 */
export class Sessions {
  readonly #sessions: Map<string, Session>;
  readonly #tokens: Map<string, RefreshToken>;

  constructor(sessions: readonly Session[] = [], tokens: readonly RefreshToken[] = []) {
    this.#sessions = new Map(sessions.map((each) => [each.id, each]));
    this.#tokens = new Map(tokens.map((each) => [each.token, each]));
  }

  snapshot(): { sessions: Session[]; refreshTokens: RefreshToken[] } {
    return { sessions: [...this.#sessions.values()], refreshTokens: [...this.#tokens.values()] };
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** @param now seconds since the epoch */
  open(userId: string, now: number): { session: Session; refreshToken: string } {
    const session: Session = { id: randomUUID(), userId, signedInAt: now };
    this.#sessions.set(session.id, session);
    return { session, refreshToken: this.#issue(session.id, null, now) };
  }

  refresh(token: string, now: number): Refreshed {
    const found = this.#tokens.get(token);
    const session = found && this.#sessions.get(found.sessionId);
    if (!found || !session) return { outcome: "unknown" };
    if (found.revoked) {
      const active = this.#family(session.id).find((each) => !each.revoked);
      if (active?.parent === token) return { outcome: "ok", session, refreshToken: active.token };
      if (now > found.updatedAt + REUSE_INTERVAL_SECONDS) {
        for (const each of this.#family(session.id)) revoke(each, now);
        return { outcome: "reused" };
      }
    }
    revoke(found, now);
    return { outcome: "ok", session, refreshToken: this.#issue(session.id, token, now) };
  }

  /** Ends the sessions of a user: all of them, all but one, or only one. */
  end(userId: string, only: { readonly id?: string; readonly except?: string } = {}): void {
    for (const session of this.#sessions.values()) {
      if (session.userId !== userId || session.id === only.except) continue;
      if (only.id !== undefined && session.id !== only.id) continue;
      this.#sessions.delete(session.id);
      for (const { token } of this.#family(session.id)) this.#tokens.delete(token);
    }
  }

  /** Newest first. */
  #family(sessionId: string): RefreshToken[] {
    return [...this.#tokens.values()].filter((each) => each.sessionId === sessionId).reverse();
  }

  #issue(sessionId: string, parent: string | null, now: number): string {
    const token = randomBytes(16).toString("base64url");
    this.#tokens.set(token, { token, sessionId, parent, revoked: false, updatedAt: now });
    return token;
  }
}

function revoke(token: RefreshToken, now: number): void {
  if (token.revoked) return;
  token.revoked = true;
  token.updatedAt = now;
}
