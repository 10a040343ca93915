import { randomUUID } from "node:crypto";

export interface Account {
  readonly id: string;
  email: string;
  passwordHash: string | null;
  role: string;
  appMetadata: Record<string, unknown>;
  userMetadata: Record<string, unknown>;
  confirmedAt: string | null;
  bannedUntil: string | null;
  lastSignInAt: string | null;
  readonly createdAt: string;
  updatedAt: string;
}

export interface NewAccount {
  readonly email: string;
  readonly passwordHash: string | null;
  readonly role?: string | undefined;
  readonly confirmed: boolean;
  readonly appMetadata?: Record<string, unknown> | undefined;
  readonly userMetadata?: Record<string, unknown> | undefined;
}

/** The users of the project, in order of their creation. */
export class Accounts {
  readonly #byId: Map<string, Account>;

  constructor(rows: readonly Account[] = []) {
    this.#byId = new Map(rows.map((row) => [row.id, row]));
  }

  all(): Account[] {
    return [...this.#byId.values()];
  }

  get(id: string): Account | undefined {
    return this.#byId.get(id);
  }

  byEmail(email: string): Account | undefined {
    const wanted = normalise(email);
    return this.all().find((account) => account.email === wanted);
  }

  create(values: NewAccount, now: string): Account {
    const account: Account = {
      id: randomUUID(),
      email: normalise(values.email),
      passwordHash: values.passwordHash,
      role: values.role ?? "authenticated",
      appMetadata: { provider: "email", providers: ["email"], ...values.appMetadata },
      userMetadata: values.userMetadata ?? {},
      confirmedAt: values.confirmed ? now : null,
      bannedUntil: null,
      lastSignInAt: null,
      createdAt: now,
      updatedAt: now,
    };
    this.#byId.set(account.id, account);
    return account;
  }

  delete(id: string): void {
    this.#byId.delete(id);
  }
}

export function normalise(email: string): string {
  return email.trim().toLowerCase();
}

/** A change of metadata is a merge; null takes a key away. */
export function mergeMetadata(current: Record<string, unknown>, change: unknown): Record<string, unknown> {
  if (typeof change !== "object" || change === null) return current;
  return Object.fromEntries(Object.entries({ ...current, ...change }).filter(([, value]) => value !== null));
}

/** The user as the API shows it. */
export function userOf(account: Account): Record<string, unknown> {
  const { id, email, role, createdAt, updatedAt, confirmedAt, lastSignInAt, bannedUntil } = account;
  const facts = { sub: id, email, email_verified: confirmedAt !== null, phone_verified: false };
  const dates = { last_sign_in_at: lastSignInAt, created_at: createdAt, updated_at: updatedAt };
  const identity = { identity_id: id, id, user_id: id, identity_data: facts, provider: "email", ...dates, email };
  return {
    id,
    aud: "authenticated",
    role,
    email,
    phone: "",
    ...(confirmedAt !== null && { email_confirmed_at: confirmedAt, confirmed_at: confirmedAt }),
    ...(bannedUntil !== null && { banned_until: bannedUntil }),
    app_metadata: account.appMetadata,
    user_metadata: { ...account.userMetadata, ...facts },
    identities: [identity],
    ...dates,
    is_anonymous: false,
  };
}
