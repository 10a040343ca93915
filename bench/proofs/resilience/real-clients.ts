import { type Integration } from "enhanced-integration";
import { wideOpenEnvironment } from "../../support/environment.ts";
import { type ServiceName } from "./failing-service.ts";

export const names: readonly ServiceName[] = ["neon", "supabase", "tinyfish", "ollama"];

type CallOnce = (
  integration: Integration,
  index: number,
  options?: { readonly signal: AbortSignal },
) => Promise<unknown>;

/** One call of a client; `index` keeps caches and shared calls from answering for the service. */
export const callOnce: Readonly<Record<ServiceName, CallOnce>> = {
  neon: ({ neon }, index, options) => neon.query("select $1::int as one", [index], options ?? {}),
  // The vendor's own client, which retries by itself if it is let, and our facade in turns.
  supabase: async ({ supabase }, index, options) => {
    if (index % 2 !== 0) return supabase.storage.list({ bucket: "photos", prefix: `house-${index}` }, options);
    const query = supabase.admin.from("houses").select("id").eq("id", index).throwOnError();
    return options ? query.abortSignal(options.signal) : query;
  },
  tinyfish: ({ tinyfish }, index, options) => tinyfish.search({ query: `houses ${index}`, ...options }),
  ollama: ({ ollama }, index, options) => ollama.embed([`house ${index}`], options),
};

/** The settings of an integration whose services are at these hosts, in the order of {@link names}. */
export function environmentOf(hosts: readonly string[]): Record<string, string> {
  const [neon, supabase, tinyfish, ollama] = hosts;
  return {
    ...wideOpenEnvironment,
    LOG_LEVEL: "silent",
    NEON_CONNECTION_STRING: `postgresql://proof:proof@${neon}/proof`,
    SUPABASE_URL: `http://${supabase}`,
    TINYFISH_API_URL: `http://${tinyfish}`,
    OLLAMA_BASE_URL: `http://${ollama}`,
  };
}
