export { corsOptions } from "./cors-options.ts";
export {
  integrationMiddleware,
  type IntegrationMiddlewareOptions,
  type RequestState,
} from "./integration-middleware.ts";
export { opsRouter, type OpsRouterOptions } from "./ops-router.ts";
export { problemDetails } from "./problem-details.ts";
export { rateLimit, type RateLimitOptions } from "./rate-limit.ts";
export { requireUser, type RequireUserOptions } from "./require-user.ts";
