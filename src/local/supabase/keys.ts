import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { Snapshot } from "./snapshot.ts";

/** What a project is known by: its two API keys and what it signs tokens with. */
export interface ProjectKeys {
  readonly publishableKey: string;
  readonly secretKey: string;
  /** Signs HS256 tokens and signed URLs. */
  readonly jwtSecret: string;
  /** A P-256 private key with its `kid`: signs ES256 tokens. */
  readonly signingKey: JWK;
}

/** Made on the first run; kept in the folder (if any), so that a second run accepts what the first one issued. */
export async function loadKeys(dataDir: string | undefined, jwtSecret: string | undefined): Promise<ProjectKeys> {
  const file = dataDir && join(dataDir, "keys.json");
  const stored = await Snapshot.load<ProjectKeys>(file);
  const keys: ProjectKeys = { ...(stored ?? (await makeKeys())), ...(jwtSecret !== undefined && { jwtSecret }) };
  await new Snapshot(file, () => keys).save();
  return keys;
}

async function makeKeys(): Promise<ProjectKeys> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const token = (bytes: number) => randomBytes(bytes).toString("base64url");
  return {
    publishableKey: `sb_publishable_${token(16)}_${token(6)}`,
    secretKey: `sb_secret_${token(16)}_${token(6)}`,
    jwtSecret: token(48),
    signingKey: { ...(await exportJWK(privateKey)), kid: token(9), alg: "ES256", use: "sig" },
  };
}
