import { type FeatureName, type FeatureStatus } from "./features.ts";
import { type ConfigWarning } from "./report.ts";
import { type NeonConfig } from "./rules/neon.ts";
import { type SupabaseConfig } from "./rules/supabase.ts";
import { type TinyfishConfig } from "./rules/tinyfish.ts";
import { type Values } from "./setting.ts";
import { type settings } from "./settings/index.ts";

type Area<K extends keyof typeof settings> = Values<(typeof settings)[K]>;

/** Every setting, typed and deeply frozen. Members without a default are undefined until the host sets them. */
export interface Config {
  readonly app: Area<"app">;
  readonly server: Area<"server">;
  readonly logging: Area<"logging">;
  readonly neon: NeonConfig;
  readonly supabase: SupabaseConfig;
  /** What is on, and why the rest is off. */
  readonly features: Readonly<Record<FeatureName, FeatureStatus>>;
  /** In the shape that `RateLimiter` takes. */
  readonly limits: Area<"limits">;
  readonly security: Area<"security">;
  readonly ollama: Area<"ollama">;
  readonly tinyfish: TinyfishConfig;
  readonly metrics: Area<"metrics">;
  readonly health: Area<"health">;
  readonly webhooks: Area<"webhooks">;
  readonly cache: Area<"cache">;
  readonly calls: Area<"calls">;
  readonly queries: Area<"queries">;
  readonly debug: Area<"debug">;
  readonly backup: Area<"backup">;
  readonly thirdParty: Area<"thirdParty">;
  readonly redis: Area<"redis">;
  /** What works but is probably not meant. */
  readonly warnings: readonly ConfigWarning[];
}
