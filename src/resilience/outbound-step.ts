import { type QuotaHint, type RateLimitHints } from "./rate-limit-hints.ts";

/**
 * What was learned about the limits of one service. Pure; times are milliseconds of one monotonic clock.
 *
 * Three things hold a request back: a pause that the service asked for, a quota that it told and that is used up, and a
 * pace that we find out ourselves where it only says "too many". The pace follows CUBIC (RFC 9438), as the adaptive
 * retry mode of the AWS SDKs does: down a little below what was delivered, then quickly back and carefully beyond.
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
}

export interface Pace {
  readonly perSecond: number;
  /** The rate at the last "too many". */
  readonly lastPerSecond: number;
  readonly throttledAt: number;
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

const BACK_OFF = 0.85;
const CUBIC_SCALE = 0.4;
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
  // A quota that we hear of for the first time explains the refusal. One that we knew, and kept to, does not.
  const isNews = quotas.length > state.quotas.length && quotas.some(({ remaining }) => remaining <= 0);
  const pace = throttled && !isNews ? slowed(state.pace, delivered, now, sentAt) : grown(state.pace, delivered, now);
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
  return { name: hint.name, limit, windowMs, remaining, resetAt };
}

/** After its reset a quota is full again, or unknown until the service speaks of it again. */
function renewed(quota: Quota, now: number): Quota | undefined {
  if (now < quota.resetAt) return quota;
  const { limit, windowMs } = quota;
  return limit === undefined || windowMs === undefined || limit === 0
    ? undefined
    : { ...quota, remaining: limit, resetAt: now + windowMs };
}

function counted({ perSecond, count, since }: Delivered, now: number): Delivered {
  const elapsed = now - since;
  if (elapsed < COUNT_MS) return { perSecond, count: count + 1, since };
  return { perSecond: blend(perSecond, ((count + 1) * 1_000) / elapsed), count: 0, since: now };
}

const blend = (old: number, fresh: number): number => (old === 0 ? fresh : FADE * fresh + (1 - FADE) * old);

function slowed(pace: Pace | undefined, delivered: Delivered, now: number, sentAt: number): Pace {
  if (pace && sentAt <= pace.throttledAt) return pace;
  const measured = delivered.perSecond || (delivered.count * 1_000) / Math.max(COUNT_MS, now - delivered.since);
  const lastPerSecond = Math.max(SLOWEST_PER_SECOND, pace ? Math.min(measured, pace.perSecond) : measured);
  const perSecond = Math.max(SLOWEST_PER_SECOND, lastPerSecond * BACK_OFF);
  return { perSecond, lastPerSecond, throttledAt: now, tokens: 0, at: now };
}

function grown(pace: Pace | undefined, delivered: Delivered, now: number): Pace | undefined {
  if (!pace || now - pace.throttledAt >= FORGET_MS) return undefined;
  const sinceSeconds = (now - pace.throttledAt) / 1_000;
  const plateauSeconds = Math.cbrt((pace.lastPerSecond * (1 - BACK_OFF)) / CUBIC_SCALE);
  const cubic = CUBIC_SCALE * (sinceSeconds - plateauSeconds) ** 3 + pace.lastPerSecond;
  // Never far beyond what is really delivered: while nobody asks for more, nothing is learned either.
  const bound = Math.max(2 * delivered.perSecond, pace.perSecond);
  return { ...refilled(pace, now), perSecond: Math.max(SLOWEST_PER_SECOND, Math.min(cubic, bound)) };
}

function refilled(pace: Pace, now: number): Pace {
  const most = Math.max(1, pace.perSecond * BURST_SECONDS);
  return { ...pace, tokens: Math.min(most, pace.tokens + ((now - pace.at) * pace.perSecond) / 1_000), at: now };
}
