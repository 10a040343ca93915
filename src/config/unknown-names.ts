import { editDistance } from "../core/index.ts";
import { type Env } from "./env.ts";
import { variablesOf } from "./read-setting.ts";
import { type Report } from "./report.ts";
import { allSettings } from "./settings/index.ts";

const ourPrefixes = /^(NEON|SUPABASE|TINYFISH|OLLAMA|LLAMA|RATE_LIMIT|ENABLE|WEBHOOK|LOG|CACHE|JWT|METRICS|BACKUP)_/;

/** Names under our prefixes that belong to the services' own servers and command lines. */
const foreignNames = new RegExp(
  [
    "^LLAMA_ARG_",
    "^NEON_AUTH_",
    "^SUPABASE_(ACCESS_TOKEN|AUTH_.*|DB_.*|INTERNAL_.*|PROJECT_(ID|REF)|(PUBLISHABLE|SECRET)_KEYS|WORKDIR)$",
    "^OLLAMA_(API_KEY|AUTH|CONTEXT_LENGTH|DEBUG.*|EDITOR|FLASH_ATTENTION|GPU_OVERHEAD|HOST|KEEP_ALIVE|KV_CACHE_TYPE)$",
    "^OLLAMA_(LIBRARY_PATH|LLM_LIBRARY|LOAD_TIMEOUT|MAX_(LOADED_MODELS|QUEUE)|MODELS|MULTIUSER_CACHE|NEW_.*)$",
    "^OLLAMA_(NO_.*|NOHISTORY|NOPRUNE|NUM_PARALLEL|ORIGINS|REMOTES|SCHED_SPREAD|VERSION|VULKAN)$",
  ].join("|"),
);

/** Typing errors reach this far; short names meet by chance, so they get less room. */
const typoDistance = (known: string) => (known.length >= 8 ? 2 : 1);

const knownNames = [...new Set(allSettings.flatMap(({ setting }) => variablesOf(setting)))];
const known = new Set(knownNames);

/** Warns about names that are not ours but look as if they were meant to be. */
export function warnOfUnknownNames(env: Env, report: Report): void {
  for (const name of Object.keys(env)) {
    if (known.has(name) || !env[name] || foreignNames.test(name)) continue;
    const upper = name.toUpperCase();
    const typo = closest(upper, typoDistance);
    if (typo !== undefined) report.warn(name, `is not a setting; did you mean ${typo}?`);
    else if (ourPrefixes.test(upper)) {
      const near = closest(upper, (candidate) => Math.floor(candidate.length / 3));
      const suggestion = near === undefined ? ".env.example lists them all" : `did you mean ${near}?`;
      report.warn(name, `is not a setting; ${suggestion}`);
    }
  }
}

function closest(name: string, limitOf: (candidate: string) => number): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of knownNames) {
    const limit = Math.min(limitOf(candidate), (best?.distance ?? Infinity) - 1);
    const distance = editDistance(name, candidate, limit);
    if (distance <= limit) best = { candidate, distance };
  }
  return best?.candidate;
}
