import { type Integration } from "../../integration.ts";

/** What the `cors` package is given. */
export interface CorsSettings {
  readonly origin: string | string[];
  readonly exposedHeaders: string[];
  /** How long a browser remembers the answer to a preflight, seconds. */
  readonly maxAge: number;
}

/**
 * Options for the `cors` package from CORS_ORIGIN; no origin is allowed where it is empty.
 *
 * @example
 * app.use(cors(corsOptions(integration)));
 */
export function corsOptions(integration: Integration): CorsSettings {
  const origins = [...integration.config.server.corsOrigins];
  return {
    // In a list, `*` would be an origin of that name.
    origin: origins.includes("*") ? "*" : origins,
    exposedHeaders: ["X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After"],
    maxAge: 600,
  };
}
