import { type NotifiedAlert } from "./notification.ts";

/** How often a group is told of, ms. */
export interface GroupTiming {
  /** From the first alert to the first notification, so that what belongs together comes together. */
  readonly groupWaitMs: number;
  /** Between two notifications of a group that changed. */
  readonly groupIntervalMs: number;
  /** Until a group that did not change is told again. */
  readonly repeatIntervalMs: number;
}

/** Alerts of one group, and what was told of them. Times are monotonic ms. */
export interface GroupState {
  readonly alerts: ReadonlyMap<string, NotifiedAlert>;
  /** Fingerprints that were told as firing. */
  readonly told: ReadonlySet<string>;
  readonly toldAt: number | undefined;
  readonly nextAt: number;
}

/** A new group waits for more of its kind. */
export function newGroup(now: number, { groupWaitMs }: GroupTiming): GroupState {
  return { alerts: new Map(), told: new Set(), toldAt: undefined, nextAt: now + groupWaitMs };
}

/** Takes what fires now; what fired and fires no more has ended at `wallNow`. */
export function joinGroup(state: GroupState, firing: readonly NotifiedAlert[], wallNow: number): GroupState {
  const alerts = new Map<string, NotifiedAlert>();
  for (const [fingerprint, alert] of state.alerts)
    alerts.set(fingerprint, alert.status === "resolved" ? alert : { ...alert, status: "resolved", endsAt: wallNow });
  for (const alert of firing) alerts.set(alert.fingerprint, alert);
  return { ...state, alerts };
}

/**
 * What is to be told now, if anything: something new fires, something told has ended, or it was told long ago.
 * @param isMuted silenced or inhibited alerts are left out, and do not count as ended
 */
export function dueAlerts(
  state: GroupState,
  now: number,
  { repeatIntervalMs }: GroupTiming,
  isMuted: (alert: NotifiedAlert) => boolean,
): readonly NotifiedAlert[] {
  if (now < state.nextAt) return [];
  const heard = [...state.alerts.values()].filter((alert) => !isMuted(alert));
  const firing = heard.filter(({ status }) => status === "firing");
  const ended = heard.filter(({ status, fingerprint }) => status === "resolved" && state.told.has(fingerprint));
  const hasNew = firing.some(({ fingerprint }) => !state.told.has(fingerprint));
  const isOld = firing.length > 0 && state.toldAt !== undefined && now - state.toldAt >= repeatIntervalMs;
  return hasNew || ended.length > 0 || isOld ? [...firing, ...ended] : [];
}

/**
 * After `told` was delivered, or when there was nothing to tell. What ended while it was muted or under way stays until
 * receivers know of it; what they never knew of is forgotten.
 */
export function afterFlush(
  state: GroupState,
  now: number,
  { groupIntervalMs }: GroupTiming,
  told: readonly NotifiedAlert[],
): GroupState {
  const statusTold = new Map(told.map(({ fingerprint, status }) => [fingerprint, status]));
  const known = new Set([...state.told].filter((fingerprint) => !statusTold.has(fingerprint)));
  for (const [fingerprint, status] of statusTold) if (status === "firing") known.add(fingerprint);
  const alerts = new Map(
    [...state.alerts].filter(([fingerprint, { status }]) => status === "firing" || known.has(fingerprint)),
  );
  const toldAt = told.length > 0 ? now : state.toldAt;
  return { alerts, told: known, toldAt, nextAt: now + groupIntervalMs };
}
