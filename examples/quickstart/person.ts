import { type Integration, IntegrationError } from "enhanced-integration";
import { type House } from "enhanced-integration/local";

/** What a user of the product does: signs up, watches the market, keeps documents. */
export class Person {
  static readonly email = "ada@example.com";
  static readonly #password = "correct-horse-battery-staple";
  static readonly documents = ["offer", "inspection"] as const;
  readonly #integration: Integration;
  readonly #token: string;

  private constructor(integration: Integration, token: string) {
    this.#integration = integration;
    this.#token = token;
  }

  static async signUpOrIn(integration: Integration): Promise<Person> {
    const { auth } = integration.supabase;
    const credentials = { email: Person.email, password: Person.#password };
    try {
      const { session } = await auth.signUp(credentials);
      if (session) return new Person(integration, session.accessToken);
    } catch (error) {
      // The second run with the same folder: the person is there already.
      if (!IntegrationError.isInstance(error) || error.code !== "CONFLICT") throw error;
    }
    return new Person(integration, (await auth.signIn(credentials)).session.accessToken);
  }

  /** Makes an alert that one of the houses at least will match, unless an earlier run made it. @returns its name */
  async watchMarket(houses: readonly House[]): Promise<string> {
    const { market } = this.#integration.listings;
    const { zipcode, price } = houses.find((house) => house.price <= 600_000) ?? houses[0]!;
    const maxPrice = Math.max(600_000, price);
    const name = `${zipcode} up to $${maxPrice.toLocaleString("en-US")}`;
    const alerts = await market.alerts(this.#token);
    if (!alerts.some((alert) => alert.name === name))
      await market.createAlert(this.#token, { name, zipcode, maxPrice });
    return name;
  }

  /** Listings that the person was told of, in this run and before. */
  async matches(): Promise<number> {
    const rows = await this.#integration.neon.asUser(this.#token, (tx) =>
      tx.query<{ matches: number }>(
        "select count(*)::int as matches from market_alert_matches where told_at is not null",
      ),
    );
    return rows[0]!.matches;
  }

  /** Stores each document and reads it back. */
  async storeDocuments(signal: AbortSignal): Promise<void> {
    for (const name of Person.documents) {
      const body = new TextEncoder().encode(`Document: ${name}. Offer: 640,000 USD, subject to inspection.\n`);
      const document = { token: this.#token, path: `offers/${name}.txt`, body, contentType: "text/plain", signal };
      const { bucket, path } = await this.#integration.listings.documents.store(document);
      await this.#integration.supabase.storage.download({ bucket, path, token: this.#token }, { signal });
    }
  }

  /** Counts documents whose row says stored and whose object is really there. */
  async countDocuments(): Promise<number> {
    const rows = await this.#integration.neon.asUser(this.#token, (tx) =>
      tx.query<{ bucket: string; path: string; size: number }>(
        "select bucket, path, size_bytes::int as size from documents where status = 'stored'",
      ),
    );
    let found = 0;
    for (const { bucket, path, size } of rows) {
      const { bytes } = await this.#integration.supabase.storage.download({ bucket, path, token: this.#token });
      if (bytes.byteLength === size) found += 1;
    }
    return found;
  }
}
