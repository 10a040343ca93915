import { type CorsOptions } from "cors";
import { type Integration } from "../../integration.ts";

/** Options for the `cors` package from CORS_ORIGIN; no origin is allowed where it is not set. */
export function corsOptions(integration: Integration): CorsOptions {
  const exposedHeaders = ["X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After"];
  return { origin: [...integration.config.server.corsOrigins], exposedHeaders, maxAge: 600 };
}
