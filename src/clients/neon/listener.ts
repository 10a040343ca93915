import type pg from "pg";
import {
  type Clock,
  describeThrown,
  type Logger,
  type Random,
  raceSignal,
  redactUrls,
  sleep,
} from "../../core/index.ts";
import { clientClass, clientConfig, destroyClient, type DriverOptions } from "../pools/drivers.ts";
import { toNeonError } from "./errors.ts";

export interface ListenOptions {
  /** Ends the subscription. */
  readonly signal?: AbortSignal | undefined;
  /** Called after the connection was lost and made again: notifications in between are gone, so read what you missed. */
  readonly onGap?: (() => void) | undefined;
}

export interface Subscription {
  /** Stops the notifications; idempotent. */
  close(): Promise<void>;
}

interface Subscriber {
  readonly channel: string;
  readonly onNotification: (payload: string) => void;
  readonly onGap: (() => void) | undefined;
}

const RECONNECT_BASE_MS = 250;
const RECONNECT_MAX_MS = 30_000;

export interface ListenerOptions {
  readonly driver: Omit<DriverOptions, "onLost">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * All subscriptions of a client on one connection of their own: LISTEN is session state, which a pool in transaction
 * mode would lose. A lost connection is made again, with growing waits, as long as somebody listens.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #subscribers = new Set<Subscriber>();
  readonly #stop = new AbortController();
  #client: pg.Client | undefined;
  #connecting: Promise<pg.Client> | undefined;
  #recovering = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  async listen(
    channel: string,
    onNotification: (payload: string) => void,
    options: ListenOptions,
    signal: AbortSignal,
  ): Promise<Subscription> {
    const subscriber: Subscriber = { channel, onNotification, onGap: options.onGap };
    this.#subscribers.add(subscriber);
    try {
      const client = await raceSignal((this.#connecting ??= this.#connect()), signal);
      await raceSignal(client.query(`listen ${quoted(channel)}`), signal);
    } catch (thrown) {
      await this.#remove(subscriber);
      if (signal.aborted) throw signal.reason;
      throw toNeonError(thrown, { operation: "listen", phase: "connect", repeatable: true });
    }
    const close = () => {
      options.signal?.removeEventListener("abort", onAbort);
      return this.#remove(subscriber);
    };
    const onAbort = () => void close();
    options.signal?.addEventListener("abort", onAbort, { once: true });
    return { close };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#subscribers.clear();
    await this.#disconnect();
  }

  async #remove(subscriber: Subscriber): Promise<void> {
    if (!this.#subscribers.delete(subscriber)) return;
    if (this.#subscribers.size === 0) return this.#disconnect();
    if (![...this.#subscribers].some(({ channel }) => channel === subscriber.channel))
      await this.#client?.query(`unlisten ${quoted(subscriber.channel)}`).catch(() => undefined);
  }

  async #connect(): Promise<pg.Client> {
    const driver: DriverOptions = { ...this.#options.driver, onLost: (error) => void this.#recover(client, error) };
    const client = new (clientClass(driver))(clientConfig(driver));
    client.on("notification", ({ channel, payload = "" }) => this.#deliver(channel, payload));
    try {
      await client.connect();
    } catch (thrown) {
      this.#connecting = undefined;
      destroyClient(client);
      throw thrown;
    }
    return (this.#client = client);
  }

  #deliver(channel: string, payload: string): void {
    for (const subscriber of this.#subscribers)
      if (subscriber.channel === channel) this.#tell(() => subscriber.onNotification(payload));
  }

  /** A subscriber's exception is its own: the others still hear. */
  #tell(fn: () => void): void {
    try {
      fn();
    } catch (thrown) {
      this.#options.logger.error({ error: thrown }, "a LISTEN subscriber threw");
    }
  }

  async #recover(lost: pg.Client, error: unknown): Promise<void> {
    if (this.#client !== lost || this.#recovering) return;
    this.#client = this.#connecting = undefined;
    this.#recovering = true;
    const { clock, random, logger } = this.#options;
    logger.warn({}, `the LISTEN connection was lost: ${redactUrls(describeThrown(error))}`);
    try {
      for (let attempt = 0; this.#subscribers.size > 0; attempt += 1) {
        const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_BASE_MS * 2 ** attempt);
        await sleep(ceiling * (0.5 + random.next() / 2), clock, this.#stop.signal);
        if (await this.#listenAgain()) break;
      }
    } catch {
      // closed meanwhile
    } finally {
      this.#recovering = false;
    }
  }

  async #listenAgain(): Promise<boolean> {
    try {
      const client = await (this.#connecting ??= this.#connect());
      for (const channel of new Set([...this.#subscribers].map((each) => each.channel)))
        await client.query(`listen ${quoted(channel)}`);
    } catch {
      await this.#disconnect();
      return false;
    }
    for (const { onGap } of this.#subscribers) if (onGap) this.#tell(onGap);
    return true;
  }

  /** Without goodbye: nothing is left to save, and a silent server would not answer it. */
  async #disconnect(): Promise<void> {
    const client = this.#client ?? (await this.#connecting?.catch(() => undefined));
    this.#client = this.#connecting = undefined;
    if (!client) return;
    void client.end().catch(() => undefined);
    destroyClient(client);
  }
}

function quoted(channel: string): string {
  return `"${channel.replaceAll('"', '""')}"`;
}
