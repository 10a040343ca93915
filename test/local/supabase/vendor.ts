import { createClient } from "@supabase/supabase-js";
import { FaultPlan } from "../../../src/local/faults.ts";
import { startSupabaseStandIn, type SupabaseStandIn } from "../../../src/local/supabase/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";

/** A stand-in on a manual clock, and the vendor's own clients for it. */
export async function startProject(options: Partial<Parameters<typeof startSupabaseStandIn>[0]> = {}) {
  const faults = new FaultPlan();
  const clock = new ManualClock();
  const standIn = await startSupabaseStandIn({ faults, clock, ...options });
  return {
    standIn,
    faults,
    clock,
    anon: () => vendor(standIn, standIn.publishableKey),
    service: () => vendor(standIn, standIn.secretKey),
  };
}

const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };

export function vendor({ url }: Pick<SupabaseStandIn, "url">, key: string, token?: string) {
  return createClient(url, key, token === undefined ? { auth } : { accessToken: async () => token });
}

/** A new user with a session. */
export async function signUp(client: ReturnType<typeof vendor>, email = "ada@example.com") {
  const { data, error } = await client.auth.signUp({ email, password: "correct horse" });
  if (error || !data.session || !data.user) throw error ?? new Error("no session");
  return { id: data.user.id, session: data.session };
}
