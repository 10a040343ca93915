import { type RealtimeChannel, type RealtimeClient } from "@supabase/supabase-js";
import { type EventBus } from "../../core/index.ts";

/** Counts the channels that are joined, over all vendor clients of one project, and tells each change as `realtime.changed`. */
export class JoinedChannels {
  readonly #joined = new Set<RealtimeChannel>();
  readonly #events: EventBus | undefined;

  constructor(events: EventBus | undefined) {
    this.#events = events;
  }

  /** Follows every channel that the client opens from now on. */
  watch(realtime: RealtimeClient): void {
    const open = realtime.channel.bind(realtime);
    realtime.channel = (...args) => this.#follow(open(...args));
  }

  /** The vendor calls back at each change, when it joins again after a lost connection too. */
  #follow(channel: RealtimeChannel): RealtimeChannel {
    // The vendor gives the same channel again to whoever asks for its topic.
    if (Object.hasOwn(channel, "subscribe")) return channel;
    const subscribe = channel.subscribe.bind(channel);
    channel.subscribe = (callback, timeout) =>
      subscribe((status, error) => {
        this.#set(channel, String(status) === "SUBSCRIBED");
        callback?.(status, error);
      }, timeout);
    return channel;
  }

  #set(channel: RealtimeChannel, isJoined: boolean): void {
    const before = this.#joined.size;
    if (isJoined) this.#joined.add(channel);
    else this.#joined.delete(channel);
    if (this.#joined.size !== before) this.#events?.emit("realtime.changed", { connections: this.#joined.size });
  }
}
