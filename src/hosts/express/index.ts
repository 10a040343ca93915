export { corsOptions, type CorsSettings } from "./cors-options.ts";
export { type ErrorHandler, type ExpressRequest, type Handler } from "./handler.ts";
export { integrationMiddleware, type IntegrationMiddlewareOptions } from "./integration-middleware.ts";
export { opsRouter, type OpsRouterOptions } from "./ops-router.ts";
export { type Problem } from "./problem.ts";
export { problemDetails } from "./problem-details.ts";
export { rateLimit, type RateLimitOptions } from "./rate-limit.ts";
export { type RequestState } from "./request-state.ts";
export { requireUser, type RequireUserOptions } from "./require-user.ts";
