import { type QuotaHint, type RateLimitHints } from "./rate-limit-hints.ts";

/**
 * What was learned about the limits of one service. Pure; times are milliseconds of one monotonic clock.
 *
 * Three things hold a request back: a pause that the service asked for, a quota that it told and that is used up, and a
 * pace that we find out ourselves where it only says "too many". Whether a service that says nothing takes more by now
 * can only be found out by asking for more, at the price of a refusal: the pace is held a little below what was
 * admitted between two of them, which is exact for a token bucket, and then grows quickly until the next. The longer
 * the pause that a refusal costs, the longer it is held.
 */
export interface OutboundState {
  readonly pausedUntil: number;
  readonly quotas: readonly Quota[];
  readonly pace: Pace | undefined;
  readonly delivered: Delivered;
}

export interface Quota {
  readonly name: string;
  readonly limit: number | undefined;
  readonly windowMs: number | undefined;
  readonly remaining: number;
  readonly resetAt: number;
  /** When this limit was first told: a refusal of what left before says nothing new. */
  readonly knownSince: number;
}

export interface Pace {
  readonly perSecond: number;
  /** Held so long before it grows again. */
  readonly heldPerSecond: number;
  readonly holdMs: number;
  readonly throttledAt: number;
  /** When the pause that came with the last "too many" was over. */
  readonly resumedAt: number;
  /** Requests admitted since then. */
  readonly admitted: number;
  readonly tokens: number;
  readonly at: number;
}

/** What the service really answered: counted in half seconds, older ones fade. */
export interface Delivered {
  readonly perSecond: number;
  readonly count: number;
  readonly since: number;
}

export type OutboundReason = "retry-after" | "quota" | "pace";

export interface OutboundAnswer {
  /** The service refused the request because there were too many (429, or 503 with a hint). */
  readonly throttled: boolean;
  readonly hints: RateLimitHints;
  /** When the request left: what left before the last slow-down says nothing new about the pace. */
  readonly sentAt: number;
}

/** Of what the service was seen to admit. */
const HELD_SHARE = 0.97;
/** Where little is known: at the first "too many", and when they follow one another. */
const BACK_OFF = 0.7;
/** A pace that was kept for so long without a "too many" was about right; sooner, the service takes less than it did. */
const SETTLED_MS = 700;
/** One refusal in so long is less than 2 % of ten requests a second. */
const HOLD_MS = 4_500;
const SHORT_HOLD_MS = 500;
/** A pause of a second every seven costs a seventh, and a quota that was raised is found after six. */
const HOLD_PER_PAUSE = 6;
const DOUBLING_MS = 750;
/** A pace that grew so far has left the last one behind. */
const OUTGROWN = 1.3;
const SLOWEST_PER_SECOND = 0.5;
/** Requests that may leave together, as a share of a second. */
const BURST_SECONDS = 0.05;
const COUNT_MS = 500;
const FADE = 0.8;
/** A pace without a "too many" for so long is forgotten. */
const FORGET_MS = 60_000;
/** Resets are told in whole seconds: two that differ by less are the same. */
const RESET_ROUNDING_MS = 1_500;
const UNKNOWN_RESET_MS = 1_000;

export function newOutboundState(now: number): OutboundState {
  return { pausedUntil: -Infinity, quotas: [], pace: undefined, delivered: { perSecond: 0, count: 0, since: now } };
}

/** May this state hold a request back, now or after some more of them? */
export function isRestrained({ pausedUntil, quotas, pace }: OutboundState, now: number): boolean {
  return now < pausedUntil || quotas.length > 0 || pace !== undefined;
}

/** What is known about one limit, told from now on. */
export interface LearnedLimit {
  /** Until the end of the pause that was asked for; 0: none. */
  readonly pauseMs: number;
  readonly quotas: readonly {
    readonly name: string;
    readonly limit?: number;
    readonly windowMs?: number;
    readonly remaining: number;
    readonly resetMs: number;
  }[];
  /** The pace that was found out; absent: none is kept. */
  readonly requestsPerSecond?: number;
}

export function learnedLimit({ pausedUntil, quotas, pace }: OutboundState, now: number): LearnedLimit {
  return {
    pauseMs: Math.max(0, Math.ceil(pausedUntil - now)),
    quotas: quotas.map(({ name, limit, windowMs, remaining, resetAt }) => ({
      name,
      ...(limit !== undefined && { limit }),
      ...(windowMs !== undefined && { windowMs }),
      remaining,
      resetMs: Math.max(0, Math.ceil(resetAt - now)),
    })),
    ...(pace && { requestsPerSecond: pace.perSecond }),
  };
}

/** Asks whether a request may leave now; if so, it is counted. */
export function outboundStep(
  state: OutboundState,
  now: number,
): [state: OutboundState, waitMs: number, reason?: OutboundReason] {
  if (now < state.pausedUntil) return [state, state.pausedUntil - now, "retry-after"];
  const quotas = state.quotas.map((quota) => renewed(quota, now)).filter((quota) => quota !== undefined);
  const quotaMs = Math.max(0, ...quotas.map(({ remaining, resetAt }) => (remaining > 0 ? 0 : resetAt - now)));
  const pace = state.pace && refilled(state.pace, now);
  const paceMs = pace && pace.tokens < 1 ? ((1 - pace.tokens) * 1_000) / pace.perSecond : 0;
  const held = { ...state, quotas, pace };
  if (quotaMs > 0 && quotaMs >= paceMs) return [held, quotaMs, "quota"];
  if (paceMs > 0) return [held, paceMs, "pace"];
  const left = {
    ...held,
    quotas: quotas.map((quota) => ({ ...quota, remaining: quota.remaining - 1 })),
    pace: pace && { ...pace, tokens: pace.tokens - 1 },
  };
  return [left, 0];
}

/** Takes in what an answer tells. */
export function outboundObserve(
  state: OutboundState,
  now: number,
  { throttled, hints, sentAt }: OutboundAnswer,
  maxPauseMs: number,
): OutboundState {
  const delivered = throttled ? state.delivered : counted(state.delivered, now);
  const hintMs = throttled && hints.retryAfterMs !== undefined ? Math.min(hints.retryAfterMs, maxPauseMs) : undefined;
  const pausedUntil = hintMs === undefined ? state.pausedUntil : Math.max(state.pausedUntil, now + hintMs);
  const told = new Map(state.quotas.map((quota) => [quota.name, quota]));
  for (const hint of hints.quotas) {
    const quota = quotaOf(hint, told.get(hint.name), now, maxPauseMs, hintMs);
    if (quota) told.set(hint.name, quota);
  }
  const quotas = [...told.values()].slice(-8);
  // A quota that is new to us explains the refusal. One that we knew when the request left, and kept to, does not.
  const isExplained = quotas.some(({ remaining, knownSince }) => remaining <= 0 && sentAt <= knownSince);
  const pace = !throttled
    ? grown(state.pace, delivered, now)
    : isExplained
      ? state.pace
      : slowed(state.pace, delivered, now, sentAt, hintMs ?? 0);
  return { pausedUntil, quotas, pace, delivered };
}

function quotaOf(
  hint: QuotaHint,
  known: Quota | undefined,
  now: number,
  maxPauseMs: number,
  retryAfterMs: number | undefined,
): Quota | undefined {
  const limit = hint.limit ?? known?.limit;
  const windowMs = hint.windowMs ?? known?.windowMs;
  if (hint.remaining === undefined) return known && { ...known, limit, windowMs };
  // Retry-After is the more exact of the two.
  const toldMs = (hint.remaining === 0 ? retryAfterMs : undefined) ?? hint.resetMs ?? windowMs ?? UNKNOWN_RESET_MS;
  const resetAt = now + Math.min(toldMs, maxPauseMs);
  // Within one window our own count also knows the requests that are still on their way.
  const isSameWindow = known !== undefined && now < known.resetAt && resetAt <= known.resetAt + RESET_ROUNDING_MS;
  const remaining = isSameWindow ? Math.min(known.remaining, hint.remaining) : hint.remaining;
  const knownSince = known !== undefined && known.limit === limit ? known.knownSince : now;
  // Rounded up to seconds, each answer tells a later end of the same window: the earliest is the nearest.
  return {
    ...{ name: hint.name, limit, windowMs, remaining, knownSince },
    // A pause ends later than that: where it ends our window begins.
    resetAt: isSameWindow && retryAfterMs === undefined ? Math.min(known.resetAt, resetAt) : resetAt,
  };
}

/** After its reset a quota is full again, or unknown until the service speaks of it again. */
function renewed(quota: Quota, now: number): Quota | undefined {
  if (now < quota.resetAt) return quota;
  const { limit, windowMs } = quota;
  if (limit === undefined || windowMs === undefined || limit === 0 || windowMs === 0) return undefined;
  // Windows follow one another, whenever the first request of one comes.
  const resetAt = now + windowMs - ((now - quota.resetAt) % windowMs);
  return { ...quota, remaining: limit, resetAt };
}

function counted({ perSecond, count, since }: Delivered, now: number): Delivered {
  const elapsed = now - since;
  if (elapsed < COUNT_MS) return { perSecond, count: count + 1, since };
  return { perSecond: blend(perSecond, ((count + 1) * 1_000) / elapsed), count: 0, since: now };
}

const blend = (old: number, fresh: number): number => (old === 0 ? fresh : FADE * fresh + (1 - FADE) * old);

function slowed(pace: Pace | undefined, delivered: Delivered, now: number, sentAt: number, pauseMs: number): Pace {
  if (pace && sentAt <= pace.throttledAt) return pace;
  const recent = delivered.perSecond || (delivered.count * 1_000) / Math.max(COUNT_MS, now - delivered.since);
  const ranMs = pace ? now - pace.resumedAt : 0;
  // Two refusals with nothing between them found out nothing: a slow caller's first "too many" makes a pace so slow.
  const isSettled = pace !== undefined && pace.admitted > 0 && ranMs >= SETTLED_MS;
  const average = (pace?.admitted ?? 0) * (1_000 / Math.max(1, ranMs));
  // Between two refusals a token bucket admits what it earns. One that admits far more than we kept to was raised.
  const isFound = isSettled && average <= OUTGROWN * pace.heldPerSecond;
  const seen = Math.min(isFound ? average : recent, pace?.perSecond ?? Infinity);
  // A pace that was held without a refusal was not too much: a bucket that filled meanwhile has earned more than it shows.
  const share = !isSettled ? BACK_OFF : isFound && ranMs > pace.holdMs ? 1 : HELD_SHARE;
  const heldPerSecond = Math.max(SLOWEST_PER_SECOND, seen * share);
  const holdMs = isFound ? Math.max(HOLD_MS, HOLD_PER_PAUSE * pauseMs) : SHORT_HOLD_MS;
  const resumedAt = now + pauseMs;
  // One request may leave the moment that the service named; without a hint, one after a whole interval.
  const tokens = pauseMs > 0 ? Math.max(0, 1 - (pauseMs * heldPerSecond) / 1_000) : 0;
  return {
    perSecond: heldPerSecond,
    heldPerSecond,
    holdMs,
    throttledAt: now,
    resumedAt,
    admitted: 0,
    tokens,
    at: now,
  };
}

function grown(pace: Pace | undefined, delivered: Delivered, now: number): Pace | undefined {
  if (!pace || now - pace.throttledAt >= FORGET_MS) return undefined;
  const growingMs = Math.max(0, now - pace.resumedAt - pace.holdMs);
  // Never far beyond what is really delivered: while nobody asks for more, nothing is learned either.
  const bound = Math.max(2 * delivered.perSecond, pace.perSecond);
  const perSecond = Math.min(pace.heldPerSecond * 2 ** (growingMs / DOUBLING_MS), bound);
  return { ...refilled(pace, now), perSecond, admitted: pace.admitted + 1 };
}

function refilled(pace: Pace, now: number): Pace {
  const most = Math.max(1, pace.perSecond * BURST_SECONDS);
  return { ...pace, tokens: Math.min(most, pace.tokens + ((now - pace.at) * pace.perSecond) / 1_000), at: now };
}
