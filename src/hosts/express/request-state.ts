import { type VerifiedToken } from "../../core/index.ts";

/** What the middleware knows of a request, at `request.integration`. */
export interface RequestState {
  /** The caller's, if it was harmless, else one of ours; also in the answer's `X-Request-Id`. */
  readonly requestId: string;
  /** On the integration's monotonic clock, ms: every call made for this request inherits it. */
  readonly deadlineAt: number;
  /** Fires when the client goes away. Calls inherit it; hand it to what is not called through the integration. */
  readonly signal: AbortSignal;
  /** The matched route's pattern, e.g. `/api/houses/:id`, never the path: fit for a metric's label. */
  readonly route: string | undefined;
  /** Set by `requireUser`. */
  user?: VerifiedToken;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- the way Express's own types are extended
  namespace Express {
    interface Request {
      integration?: RequestState;
    }
  }
}
