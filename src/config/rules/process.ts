import { type RuleContext } from "./context.ts";

/** Rules over settings of this process that make no sense together. */
export function checkProcess({ values, report, isSet }: RuleContext): void {
  const { server, metrics, security, calls, queries } = values;
  if (metrics.port !== undefined && metrics.port !== 0 && metrics.port === server.port)
    report.refuse("METRICS_PORT", "is the same as PORT", "give the metrics a port of their own, or unset it");
  if (security.jwtExpirySeconds >= security.jwtRefreshExpirySeconds)
    report.refuse("JWT_EXPIRY", "is not below JWT_REFRESH_EXPIRY", "access tokens must expire before refresh tokens");
  const chosen = isSet("QUERY_TIMEOUT") || isSet("REQUEST_TIMEOUT");
  if (chosen && queries.timeoutMs > calls.requestTimeoutMs)
    report.warn("QUERY_TIMEOUT", "is above REQUEST_TIMEOUT, so the call's deadline ends every long statement first");
}
