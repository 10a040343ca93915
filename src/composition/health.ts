import { type Config } from "../config/index.ts";
import { type Clock, type Random } from "../core/index.ts";
import { type NeonClient } from "../clients/neon/index.ts";
import { type OllamaClient } from "../clients/ollama/index.ts";
import { type SupabaseClient } from "../clients/supabase/index.ts";
import { type TinyFishClient } from "../clients/tinyfish/index.ts";
import { type CheckFinding, HealthRegistry, ProcessCheck, type ProcessCheckOptions } from "../monitoring/index.ts";

interface Services {
  readonly neon: NeonClient;
  readonly supabase: SupabaseClient;
  readonly tinyfish: TinyFishClient;
  readonly ollama: OllamaClient;
}

/** The database and the users are what the host cannot do without; scraping and models may be away for a while. */
export function createHealth(
  config: Config,
  services: Services,
  around: { clock: Clock; random: Random; process?: ProcessCheckOptions | undefined },
): HealthRegistry {
  const { persistentStorage, userAuthentication, fileStorage, scraping } = config.features;
  const health = new HealthRegistry(around);
  if (around.process) {
    const check = new ProcessCheck(around.process, around.clock);
    health.add("process", { critical: true, cacheMs: 1_000, run: () => check.finding() });
  }
  const add = (
    name: string,
    critical: boolean,
    ask: (signal: AbortSignal) => Promise<{ readonly status: string; readonly message?: string }>,
  ) => health.add(name, { critical, cacheMs: 5_000, run: async (signal) => toFinding(await ask(signal)) });
  if (persistentStorage.enabled) add("neon", true, () => services.neon.health());
  if (userAuthentication.enabled || fileStorage.enabled)
    add("supabase", true, (signal) => services.supabase.health(signal));
  if (scraping.enabled) add("tinyfish", false, (signal) => services.tinyfish.health(signal));
  add("ollama", false, (signal) => services.ollama.health(signal));
  return health;
}

function toFinding({ status, message }: { readonly status: string; readonly message?: string }): CheckFinding {
  const known = status === "up" || status === "degraded" ? status : "down";
  return { status: known, message };
}
