import { SupabaseAuth } from "./auth.ts";
import { SupabaseConnection } from "./connection.ts";
import { checkHealth, type SupabaseHealth } from "./health.ts";
import { SupabaseStorage } from "./storage.ts";
import { resolveOptions, type SupabaseClientOptions } from "./supabase-options.ts";
import { createAdmin, createForUser, type SupabaseAdmin, type VendorClient } from "./vendor-clients.ts";

/**
 * A Supabase project for a server: users, files, and the vendor's own client where more is needed.
 *
 * @example
 * const supabase = new SupabaseClient({ url, publishableKey, secretKey, verifier: new SupabaseTokenVerifier({ url }) });
 * const { session } = await supabase.auth.signIn({ email, password });
 * const { userId } = await supabase.auth.verify(session.accessToken);
 * await supabase.storage.upload({ bucket: "documents", path: `${userId}/cv.pdf`, body, contentType: "application/pdf" });
 */
export class SupabaseClient {
  readonly auth: SupabaseAuth;
  readonly storage: SupabaseStorage;
  readonly #connection: SupabaseConnection;
  #admin: SupabaseAdmin | undefined;

  /** @throws IntegrationError `INVALID_INPUT` naming every wrong option */
  constructor(options: SupabaseClientOptions) {
    this.#connection = new SupabaseConnection(resolveOptions(options));
    this.auth = new SupabaseAuth(this.#connection);
    this.storage = new SupabaseStorage(this.#connection);
  }

  /**
   * The vendor's client with the secret key, past all policies of the project; one for the process. Its calls have a
   * deadline, and those that only read (GET, HEAD) are retried; they give `{ data, error }`, see `supabaseError`.
   *
   * @throws IntegrationError `FEATURE_DISABLED` without the secret key
   */
  get admin(): SupabaseAdmin {
    return (this.#admin ??= createAdmin(this.#connection));
  }

  /** The vendor's client as a user: make one per request, it is cheap. The token is not judged here; see `auth.verify`. */
  forUser(token: string): VendorClient {
    return createForUser(this.#connection, token);
  }

  /** Whether Auth and Storage run. Touches nothing; never throws; 3 s at most. */
  health(signal?: AbortSignal): Promise<SupabaseHealth> {
    return checkHealth(this.#connection, signal);
  }

  /** Refuses calls from now on with `CLOSED`; those under way finish. */
  async close(): Promise<void> {
    this.#connection.close();
    await this.#admin?.removeAllChannels();
  }
}
