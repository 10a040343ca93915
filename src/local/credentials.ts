import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Snapshot } from "./supabase/snapshot.ts";

/** The stack's secrets that no stand-in keeps by itself. */
export interface StackCredentials {
  readonly neonPassword: string;
  readonly tinyfishApiKey: string;
  readonly neonApiKey: string;
}

/**
 * Made on the first start in a folder and kept in it, so that a `.env` file that names this stack stays right. Without a
 * folder they are new each time.
 */
export async function stackCredentials(dataDir: string | undefined): Promise<StackCredentials> {
  const file = dataDir && join(dataDir, "credentials.json");
  // A folder of an earlier version may lack some.
  const credentials: StackCredentials = {
    neonPassword: randomBytes(18).toString("base64url"),
    tinyfishApiKey: `sk-mino-${randomBytes(16).toString("hex")}`,
    neonApiKey: `napi_${randomBytes(24).toString("hex")}`,
    ...(await Snapshot.load<Partial<StackCredentials>>(file)),
  };
  await new Snapshot(file, () => credentials).save();
  return credentials;
}
