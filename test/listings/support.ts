import { createIntegration, type Integration, type IntegrationOverrides } from "../../src/index.ts";
import { type House, type LocalStack, readHouses, sampleDataFile, startLocalStack } from "../../src/local/index.ts";

/** A local stack, its listing site's houses (change them, and the site changes), and an integration. */
export interface ListingsBench extends AsyncDisposable {
  readonly stack: LocalStack;
  readonly integration: Integration;
  readonly houses: House[];
  /** A further integration on the same stack, with nothing remembered. */
  integrate(env?: Readonly<Record<string, string>>): Integration;
  /** A new user's access token. */
  signUp(): Promise<string>;
}

/** Short waits, so that faults cost little; yet long enough for a busy machine. */
const backoff = { baseDelayMs: 10, maxDelayMs: 50, breaker: { breakMs: 100, maxBreakMs: 400 } };
const bounded = { ...backoff, attemptTimeoutMs: 1_000 };
const impatient: IntegrationOverrides = {
  policies: { neon: bounded, supabase: bounded, tinyfish: bounded, ollama: backoff },
  clients: {
    ollama: { firstByteTimeoutMs: 3_000 },
    tinyfish: { timeoutMs: 1_000, minPollMs: 5, reconcileWaitsMs: [5, 20] },
  },
};

export async function startBench(options: {
  houses: number;
  pageSize?: number;
  /** For tests that inject faults. */
  impatient?: boolean;
}): Promise<ListingsBench> {
  const { houses: all } = await readHouses(sampleDataFile());
  const houses = all.slice(0, options.houses);
  const stack = await startLocalStack({ houses, pageSize: options.pageSize ?? 10 });
  const integrations: Integration[] = [];
  // The limit on uploads has tests of its own; here it would only make everyone wait.
  const unlimited = { RATE_LIMIT_UPLOAD_REQUESTS: "100000", RATE_LIMIT_UPLOAD_BURST: "100000" };
  const integrate: ListingsBench["integrate"] = (env = {}) => {
    const made = createIntegration(
      { ...stack.env, ...unlimited, LOG_LEVEL: "silent", ...env },
      options.impatient ? impatient : {},
    );
    integrations.push(made);
    return made;
  };
  const integration = integrate();
  await integration.neon.migrate();
  let users = 0;
  return {
    ...{ stack, integration, houses, integrate },
    async signUp() {
      users += 1;
      const person = { email: `person-${users}@example.com`, password: "correct-horse-battery-staple" };
      const { session } = await integration.supabase.auth.signUp(person);
      if (!session) throw new Error("the local stack confirms a sign-up at once");
      return session.accessToken;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(integrations.map((each) => each.close()));
      await stack.close();
    },
  };
}

/** Every row of a source, as the database has it. */
export function rowsOf(integration: Integration, source: string): Promise<StoredRow[]> {
  return integration.neon.query<StoredRow>(
    `select id, source_key as key, price::float8, title, embedding_hash is not distinct from content_hash as embedded,
            xmin::text as version
       from listings where source = $1 order by source_key`,
    [source],
  );
}

export interface StoredRow {
  readonly id: string;
  readonly key: string;
  readonly price: number;
  readonly title: string;
  readonly embedded: boolean;
  /** Of the row: another one after each write to it. */
  readonly version: string;
}

/** What every row of these houses must look like, with all of them embedded. */
export function expectedRows(houses: readonly House[]) {
  return houses
    .map(({ sourceKey, price, title }) => ({ key: sourceKey, price, title, embedded: true }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}
