type Listener = (channel: string, message: string) => void;

/** What is called of a second ioredis connection. */
export interface IoredisSubscriber {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: "message", listener: Listener): unknown;
  off(event: "message", listener: Listener): unknown;
}

/** What is called of a second node-redis connection. */
export interface NodeRedisSubscriber {
  readonly pSubscribe: unknown;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  unsubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
}

/** A connected client of either library, for being told at once. Whoever made it listens to its errors and closes it. */
export type FleetSubscriber = IoredisSubscriber | NodeRedisSubscriber;

/** One channel of a subscriber. */
export interface Subscription {
  /** Rejects if Redis is away. */
  start(): Promise<unknown>;
  /** Rejects if Redis is away; nothing is heard any more either way. */
  stop(): Promise<unknown>;
}

export function subscription(
  subscriber: FleetSubscriber,
  channel: string,
  hear: (message: string) => void,
): Subscription {
  if ("pSubscribe" in subscriber)
    return {
      start: () => subscriber.subscribe(channel, hear),
      stop: () => subscriber.unsubscribe(channel, hear),
    };
  const listener: Listener = (from, message) => {
    if (from === channel) hear(message);
  };
  return {
    start() {
      subscriber.on("message", listener);
      return subscriber.subscribe(channel);
    },
    stop() {
      subscriber.off("message", listener);
      return subscriber.unsubscribe(channel);
    },
  };
}
