import { randomUUID } from "node:crypto";
import { createIntegration, type Integration } from "enhanced-integration";
import { startLocalStack } from "enhanced-integration/local";

/** A user, as claims that were verified before. */
export type User = Readonly<{ sub: string; role: "authenticated" }>;

/** Runs an example on a local stack with a migrated database and two users of it; then closes everything. */
export async function withTwoUsers(
  example: (integration: Integration, ada: User, bob: User) => Promise<void>,
): Promise<void> {
  const stack = await startLocalStack();
  try {
    await using integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" });
    await integration.neon.migrate();
    const user = (): User => ({ sub: randomUUID(), role: "authenticated" });
    await example(integration, user(), user());
  } finally {
    await stack.close();
  }
}
