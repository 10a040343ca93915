import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The stack's secrets that no stand-in keeps by itself. */
export interface StackCredentials {
  readonly neonPassword: string;
  readonly tinyfishApiKey: string;
}

/**
 * Made on the first start in a folder and kept in it, so that a `.env` file that names this stack stays right. Without a
 * folder they are new each time.
 */
export async function stackCredentials(dataDir: string | undefined): Promise<StackCredentials> {
  const made: StackCredentials = {
    neonPassword: randomBytes(18).toString("base64url"),
    tinyfishApiKey: `sk-mino-${randomBytes(16).toString("hex")}`,
  };
  if (dataDir === undefined) return made;
  const file = join(dataDir, "credentials.json");
  try {
    await writeFile(file, JSON.stringify(made), { flag: "wx", mode: 0o600 });
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return { ...made, ...(JSON.parse(await readFile(file, "utf8")) as StackCredentials) };
  }
}
