import { accepted, apiKey, decimal, durationMs, integer, url } from "../kinds/index.ts";
import { setting } from "../setting.ts";

/** Agent runs, vault and wallet live here; search and fetch have hosts beside it. */
export const OFFICIAL_TINYFISH_URL = "https://agent.tinyfish.ai";

const apiUrl = url({
  protocols: ["https", "http"],
  stripSuffix: /\/v1$/,
  inspect: ({ hostname }) =>
    accepted(
      undefined,
      hostname === "api.tinyfish.io"
        ? `TINYFISH_URL_LEGACY: no documented TinyFish API answers at api.tinyfish.io; remove the variable to use ${OFFICIAL_TINYFISH_URL}`
        : undefined,
    ),
});

export const tinyfishSettings = {
  apiUrl: setting("TINYFISH_API_URL", apiUrl, {
    default: OFFICIAL_TINYFISH_URL,
    description: "TinyFish's agent host; any other value replaces every TinyFish host, search and fetch included.",
  }),
  apiKey: setting("TINYFISH_API_KEY", apiKey(), {
    description: "Key that pays for runs, searches and fetches; without it scraping is off.",
  }),
  timeoutMs: setting("TINYFISH_TIMEOUT", durationMs({ min: "100ms", max: "1h" }), {
    default: "30s",
    description: "Bound of one short HTTP call; agent runs have a deadline of their own.",
  }),
  maxRetries: setting("TINYFISH_RETRY_ATTEMPTS", integer({ min: 0, max: 20 }), {
    default: "3",
    description: "Retries after the first attempt; a paid run is never posted twice.",
  }),
  retryDelayMs: setting("TINYFISH_RETRY_DELAY", durationMs({ min: "1ms", max: "10m" }), {
    default: "1s",
    description: "Base delay before a retry; it grows from attempt to attempt.",
  }),
  dailyBudgetUsd: setting("TINYFISH_DAILY_BUDGET_USD", decimal({ min: 0, max: 1_000_000 }), {
    description: "Dollars that this process may spend on runs per UTC day; unset, there is no bound.",
  }),
  maxConcurrentRuns: setting("TINYFISH_MAX_CONCURRENT_RUNS", integer({ min: 1, max: 10_000 }), {
    default: "3",
    description:
      "Runs in flight per process; keep it at or below the cap of your TinyFish plan, beyond which runs queue there.",
  }),
};
