import { channel } from "node:diagnostics_channel";
import type { CallIds, DegradedReason } from "./call.ts";
import type { ErrorCode, Verdict } from "./errors.ts";

/** Whose circuit: a service's, or that of one of its parts. */
export interface Circuit {
  readonly service: string;
  readonly part?: string;
}

/** What happens inside, told in the past tense. Listeners can neither delay nor change a call. */
export interface IntegrationEvents {
  "call.finished": {
    readonly callId: string;
    readonly service: string;
    readonly operation: string;
    readonly outcome: "ok" | "error";
    readonly code?: ErrorCode;
    readonly attempts: number;
    readonly durationMs: number;
    /** Part of the duration spent waiting: backoff, limiter, queue. */
    readonly waitedMs: number;
    /** The answer came from the cache. */
    readonly cached?: "fresh" | "stale";
    /** Why the answer is older than it should be. */
    readonly degraded?: DegradedReason;
    readonly requestId?: string;
    /** Of the trace that recorded it. */
    readonly traceId?: string;
  };
  "attempt.failed": {
    readonly callId: string;
    readonly service: string;
    readonly operation: string;
    readonly attempt: number;
    readonly code: ErrorCode;
    readonly verdict: Verdict;
    readonly message: string;
    readonly durationMs: number;
    readonly requestId?: string;
    /** Of the trace that recorded it. */
    readonly traceId?: string;
  };
  "retry.scheduled": {
    readonly callId: string;
    readonly service: string;
    readonly operation: string;
    readonly attempt: number;
    readonly delayMs: number;
    /** Of the trace that recorded it. */
    readonly traceId?: string;
  };
  /** A second attempt was begun beside a slow one. */
  "hedge.started": {
    readonly callId: string;
    readonly service: string;
    readonly operation: string;
    readonly afterMs: number;
    /** Of the trace that recorded it. */
    readonly traceId?: string;
  };
  "service.mode_changed": {
    readonly service: string;
    readonly mode: "read-write" | "read-only";
    readonly reason: string;
  };
  "circuit.opened": Circuit & { readonly reason: string; readonly breakMs: number };
  "circuit.half_opened": Circuit;
  "circuit.closed": Circuit;
  "limit.refused": CallIds & { readonly limit: string; readonly retryAfterMs: number };
  /** The shared store of limits does not answer: until it does, `whenDown` decides. */
  "limit.store_lost": { readonly whenDown: "open" | "closed" | "local-share"; readonly message: string };
  "limit.store_recovered": { readonly downMs: number };
  /** A service said "too many requests": what outgoing ones are held to from now on. */
  "limit.learned": { readonly service: string; readonly pauseMs: number; readonly requestsPerSecond?: number };
  "limit.waited": CallIds & { readonly limit: string; readonly waitedMs: number };
  "query.finished": CallIds & {
    readonly transport: string;
    readonly statement: string;
    readonly rows: number;
    readonly durationMs: number;
  };
  "query.failed": CallIds & {
    readonly transport: string;
    readonly statement: string;
    readonly code: ErrorCode;
    /** Where the database itself said no. */
    readonly sqlState?: string;
    readonly durationMs: number;
  };
  "pool.changed": {
    readonly pool: string;
    readonly total: number;
    readonly idle: number;
    readonly waiting: number;
    readonly max: number;
  };
  /** Connections are being made. `gauges` reads how the pool stands, now or later: cheaper than being told of each change. */
  "pool.connecting": { readonly pool: string; readonly gauges: () => Omit<IntegrationEvents["pool.changed"], "pool"> };
  "pool.connection_created": { readonly pool: string; readonly durationMs: number };
  "pool.connection_lost": { readonly pool: string; readonly message: string };
  "pool.connection_closed": {
    readonly pool: string;
    readonly reason: "idle" | "lifetime" | "uses" | "lost" | "silent" | "discarded" | "closed";
    readonly ageMs: number;
  };
  /** A borrower gave a connection back. */
  "pool.connection_returned": { readonly pool: string; readonly waitedMs: number; readonly usedMs: number };
  /** A caller got no connection: refused at once because too many wait, or after having waited in vain. */
  "pool.acquire_failed": {
    readonly pool: string;
    readonly kind: "timeout" | "refused";
    readonly waitedMs: number;
  };
  /** A connection is held for longer than `leakAfterMs`; the stack shows who took it. */
  "pool.leak_suspected": { readonly pool: string; readonly heldMs: number; readonly stack: string };
  /** Our traffic keeps the compute awake for so much longer. */
  "pool.awake_extended": { readonly pool: string; readonly awakeMs: number };
  /** The database failed: from now on the pool asks for it in the background. */
  "pool.recovery_started": {
    readonly pool: string;
    readonly mode: "read-only" | "offline";
    readonly reason: string;
  };
  /** A replica could not answer, the primary did. */
  "pool.fell_back": { readonly pool: string; readonly reason: string };
  "pool.recovery_attempted": {
    readonly pool: string;
    readonly attempt: number;
    readonly outcome: "writable" | "read-only" | "failed";
  };
  /** `paused`: nobody wanted the database for so long that asking for it would keep it awake; the next call finds out. */
  "pool.recovery_ended": {
    readonly pool: string;
    readonly outcome: "recovered" | "paused";
    readonly attempts: number;
    readonly degradedMs: number;
  };
  "pool.mode_changed": {
    readonly pool: string;
    readonly mode: "read-write" | "read-only" | "offline";
    readonly reason: string;
  };
  "auth.finished": {
    readonly operation: string;
    readonly outcome: "ok" | "error";
    /** Whose session it is, when the operation proved one: counted as active, never a metric label. */
    readonly userId?: string;
  };
  /** Channels that are joined now. */
  "realtime.changed": { readonly connections: number };
  "storage.uploaded": { readonly bucket: string; readonly bytes: number };
  /** Objects that were deleted, as far as the service told their sizes. */
  "storage.removed": { readonly bucket: string; readonly bytes: number };
  /** A whole bucket was counted. */
  "storage.measured": { readonly bucket: string; readonly bytes: number };
  /** One request of ours was answered (by its status) or failed below HTTP (`code`). */
  "http.finished": {
    readonly service: string;
    readonly method: string;
    readonly url: string | URL;
    readonly status?: number;
    readonly code?: ErrorCode;
    readonly durationMs: number;
  };
  "run.finished": { readonly status: string; readonly steps: number };
  "model.finished": {
    readonly model: string;
    readonly operation: string;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly durationMs: number;
  };
  "model.failed": {
    readonly model: string;
    readonly operation: string;
    readonly code: ErrorCode;
    readonly durationMs: number;
  };
  "listings.stored": { readonly inserted: number; readonly updated: number; readonly unchanged: number };
  "listings.embedded": { readonly count: number };
  "market_alert.triggered": { readonly alertId: string; readonly listingId: string };
  "workflow.completed": { readonly name: string };
  "tool.finished": {
    readonly tool: string;
    readonly outcome: "ok" | "error";
    readonly code?: ErrorCode;
    readonly durationMs: number;
    readonly requestId?: string;
  };
  "request.finished": {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly durationMs: number;
    readonly requestId?: string;
  };
  "alert.changed": {
    readonly name: string;
    readonly state: string;
    readonly severity: string;
    readonly value: number;
    readonly message: string;
  };
  /** Somebody did by hand, through `integration.operate` or the status page, what changes how calls go. */
  "operator.acted": {
    readonly who: string;
    readonly action: "isolate" | "close" | "silence" | "unsilence";
    /** The service, the alert, or the silence's id. */
    readonly target: string;
    readonly minutes?: number;
  };
  "config.warned": { readonly name: string; readonly message: string };
}

export type EventName = keyof IntegrationEvents;
type Listener<N extends EventName> = (event: IntegrationEvents[N]) => void;

/** An event together with its name, which tells its shape. */
export type EmittedEvent = {
  readonly [N in EventName]: { readonly name: N; readonly event: IntegrationEvents[N] };
}[EventName];

/** Who listens to one name. Lists are replaced, never changed: those being told may come and go meanwhile. */
interface Topic {
  listeners: readonly Listener<never>[];
  readonly diagnostics: ReturnType<typeof channel>;
}

/**
 * Typed events. Emitting without a listener costs a lookup. A listener that throws is counted in {@link faults} and
 * otherwise ignored. Each event is also published on the diagnostics channel `enhanced-integration:<name>`.
 */
export class EventBus {
  readonly #topics = new Map<EventName, Topic>();
  #all: readonly ((emitted: EmittedEvent) => void)[] = [];
  #faults = 0;

  /** Listeners' exceptions so far. */
  get faults(): number {
    return this.#faults;
  }

  /** @returns a function that unsubscribes */
  on<N extends EventName>(name: N, listener: Listener<N>): () => void {
    const topic = this.#topic(name);
    topic.listeners = [...topic.listeners.filter((other) => other !== listener), listener];
    return () => void (topic.listeners = topic.listeners.filter((other) => other !== listener));
  }

  /** Listens to every event, whatever its name. @returns a function that unsubscribes */
  onAny(listener: (emitted: EmittedEvent) => void): () => void {
    this.#all = [...this.#all.filter((other) => other !== listener), listener];
    return () => void (this.#all = this.#all.filter((other) => other !== listener));
  }

  /** True if somebody listens: worth asking before building a costly event. */
  has(name: EventName): boolean {
    const { listeners, diagnostics } = this.#topic(name);
    return listeners.length > 0 || this.#all.length > 0 || diagnostics.hasSubscribers;
  }

  emit<N extends EventName>(name: N, event: IntegrationEvents[N]): void {
    const { listeners, diagnostics } = this.#topic(name);
    const all = this.#all;
    // By index: an iterator for each event costs more than most listeners.
    for (let i = 0; i < listeners.length; i += 1) this.#notify(listeners[i] as Listener<N>, event);
    for (let i = 0; i < all.length; i += 1) this.#notify(all[i]!, { name, event } as EmittedEvent);
    if (diagnostics.hasSubscribers) diagnostics.publish(event);
  }

  #notify<E>(listener: (event: E) => void, event: E): void {
    try {
      listener(event);
    } catch {
      this.#faults += 1;
    }
  }

  #topic(name: EventName): Topic {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = { listeners: [], diagnostics: channel(`enhanced-integration:${name}`) };
      this.#topics.set(name, topic);
    }
    return topic;
  }
}
