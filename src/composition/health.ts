import { type Config } from "../config/index.ts";
import { type Clock, type Random, type Redact } from "../core/index.ts";
import { type NeonClient } from "../clients/neon/index.ts";
import { type OllamaClient } from "../clients/ollama/index.ts";
import { type SupabaseClient, type SupabaseHealth } from "../clients/supabase/index.ts";
import { type TinyFishClient } from "../clients/tinyfish/index.ts";
import {
  type CheckFinding,
  type HealthCheckOptions,
  HealthRegistry,
  ProcessCheck,
  type ProcessCheckOptions,
} from "../monitoring/index.ts";

interface Services {
  readonly neon: NeonClient;
  readonly supabase: SupabaseClient;
  readonly tinyfish: TinyFishClient;
  readonly ollama: OllamaClient;
}

interface Around {
  readonly clock: Clock;
  readonly random: Random;
  readonly redact: Redact;
  readonly process: ProcessCheckOptions | undefined;
  /** Undefined: nothing is shared over Redis. */
  readonly askRedis: (() => Promise<unknown>) | undefined;
}

/** The database and the users are what the host cannot do without; scraping and models may be away for a while. */
export function createHealth(config: Config, services: Services, around: Around): HealthRegistry {
  const { persistentStorage, userAuthentication, fileStorage, scraping } = config.features;
  const health = new HealthRegistry(around);
  if (around.process) {
    const check = new ProcessCheck(around.process, around.clock);
    health.add("process", { critical: true, cacheMs: 1_000, run: () => check.finding() });
  }
  const add = (name: string, critical: boolean, run: HealthCheckOptions["run"]) =>
    health.add(name, { critical, cacheMs: 5_000, run });
  const used = {
    auth: userAuthentication.enabled,
    storage: fileStorage.enabled,
  };
  if (persistentStorage.enabled) add("neon", true, (signal) => services.neon.health(signal));
  if (used.auth || used.storage)
    add("supabase", true, async (signal) => supabaseFinding(await services.supabase.health(signal), used));
  if (scraping.enabled)
    add("tinyfish", false, async (signal) => {
      const { status, detail } = await services.tinyfish.health(signal);
      return { status, message: detail };
    });
  add("ollama", false, (signal) => services.ollama.health(signal));
  const { askRedis } = around;
  // Limits and circuits go on in this process alone.
  if (askRedis)
    health.add("redis", {
      critical: false,
      timeoutMs: 1_000,
      cacheMs: 5_000,
      run: async () => void (await askRedis()),
    });
  return health;
}

/** Down when all that is used of it is; what is not used counts for nothing. */
function supabaseFinding({ checks }: SupabaseHealth, used: Record<"auth" | "storage", boolean>): CheckFinding {
  const asked = (["auth", "storage"] as const).filter((part) => used[part]);
  const down = asked.filter((part) => checks[part].status === "down");
  if (down.length === 0) return { status: "up" };
  const message = down.map((part) => `${part}: ${checks[part].message ?? "down"}`).join("; ");
  return { status: down.length < asked.length ? "degraded" : "down", message };
}
