import { createIntegration } from "enhanced-integration";
import { type LocalStack, readHouses, sampleDataFile, startLocalStack } from "enhanced-integration/local";

/** A local stack whose database holds a few pages of houses, and a signed-up user's access token. */
export async function startStackWithListings(count: number): Promise<{ stack: LocalStack; accessToken: string }> {
  const { houses } = await readHouses(sampleDataFile());
  const stack = await startLocalStack({ houses: houses.slice(0, count) });
  try {
    await using integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" });
    await integration.neon.migrate();
    await integration.listings.scrape({ source: "example", url: stack.siteUrl });
    const { session } = await integration.supabase.auth.signUp({
      email: "ada@example.com",
      password: "correct-horse-battery-staple",
    });
    if (!session) throw new Error("the local stack confirms a sign-up at once");
    return { stack, accessToken: session.accessToken };
  } catch (error) {
    await stack.close();
    throw error;
  }
}
