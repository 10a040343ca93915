import { type Values } from "../setting.ts";
import { OFFICIAL_TINYFISH_URL, type tinyfishSettings } from "../settings/tinyfish.ts";
import { type RuleContext } from "./context.ts";
import { requireEncryption } from "./encryption.ts";

export interface TinyfishConfig extends Values<typeof tinyfishSettings> {
  /** False if `apiUrl` replaces every TinyFish host: search is then `<apiUrl>/v1/search`, fetch `<apiUrl>/v1/fetch`. */
  readonly usesOfficialHosts: boolean;
}

export function completeTinyfish(context: RuleContext): TinyfishConfig {
  const { tinyfish } = context.values;
  requireEncryption(context, "TINYFISH_API_URL", tinyfish.apiUrl);
  return { ...tinyfish, usesOfficialHosts: tinyfish.apiUrl === OFFICIAL_TINYFISH_URL };
}
