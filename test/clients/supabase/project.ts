import { SupabaseClient, type SupabaseClientOptions } from "../../../src/clients/supabase/index.ts";
import { type CallRunner, directRunner, type IntegrationError } from "../../../src/core/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { startSupabaseStandIn, type SupabaseStandInOptions } from "../../../src/local/supabase/index.ts";
import { SupabaseTokenVerifier } from "../../../src/security/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";

/** A stand-in on a manual clock and our client for it. */
export async function startProject(
  options: Partial<SupabaseClientOptions> = {},
  standInOptions: Partial<SupabaseStandInOptions> = {},
) {
  const faults = new FaultPlan();
  const clock = new ManualClock();
  const standIn = await startSupabaseStandIn({ faults, clock, ...standInOptions });
  const { url, publishableKey, secretKey, env } = standIn;
  const verifier = new SupabaseTokenVerifier({ url, jwtSecret: env["SUPABASE_JWT_SECRET"], clock });
  const clientWith = (more: Partial<SupabaseClientOptions> = {}) =>
    new SupabaseClient({ url, publishableKey, secretKey, verifier, clock, ...options, ...more });
  return { standIn, faults, clock, clientWith, supabase: clientWith() };
}

/** Repeats what the real pipeline would repeat, at once. */
export function eagerRunner(clock: ManualClock, attempts = 3): CallRunner {
  const direct = directRunner({ clock });
  const run: CallRunner["run"] = async (spec, attempt) => {
    for (let count = 1; ; count += 1) {
      try {
        return await direct.run(spec, (context) => attempt({ ...context, attempt: count }));
      } catch (error) {
        const { verdict, notSent } = error as IntegrationError;
        const mayRepeat = spec.idempotent === true || notSent === true;
        const isWorth = verdict === "retryable" || verdict === "throttled";
        if (!mayRepeat || !isWorth || count >= Math.min(attempts, spec.maxAttempts ?? attempts)) throw error;
      }
    }
  };
  return { run, stream: (spec, attempt) => direct.stream(spec, attempt) };
}

export const text = (content: string) => new TextEncoder().encode(content);
export const ada = { email: "ada@example.com", password: "correct horse" };
