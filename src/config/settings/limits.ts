import { durationMs, integer } from "../kinds/index.ts";
import { setting } from "../setting.ts";

interface LimitDefaults {
  readonly requests: string;
  readonly development?: string;
  readonly staging?: string;
  readonly burst: string;
}

/** The three variables of one named limit of the RateLimiter. */
function limit(area: string, what: string, { requests, burst, ...profiles }: LimitDefaults) {
  return {
    requests: setting(`RATE_LIMIT_${area}_REQUESTS`, integer({ min: 1, max: 1_000_000_000 }), {
      default: requests,
      profiles,
      description: `${what} that one key may make per window, sustained.`,
    }),
    windowMs: setting(`RATE_LIMIT_${area}_WINDOW`, durationMs({ min: "1ms", max: "31d" }), {
      default: "1m",
      description: `Window of RATE_LIMIT_${area}_REQUESTS.`,
    }),
    burst: setting(`RATE_LIMIT_${area}_BURST`, integer({ min: 1, max: 1_000_000_000 }), {
      default: burst,
      description: `${what} that one key may make at once after a pause.`,
    }),
  };
}

export const limitSettings = {
  scraping: limit("SCRAPING", "Scraping runs", { requests: "100", development: "1000", staging: "200", burst: "10" }),
  analysis: limit("ANALYSIS", "Model calls", { requests: "50", development: "500", staging: "100", burst: "5" }),
  search: limit("SEARCH", "Searches", { requests: "200", development: "2000", staging: "400", burst: "20" }),
  upload: limit("UPLOAD", "File uploads", { requests: "20", burst: "5" }),
  auth: limit("AUTH", "Authentication calls", { requests: "100", burst: "10" }),
};
