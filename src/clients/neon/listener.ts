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
import { cleanFailure, clientClass, clientConfig, destroyClient, type DriverOptions } from "../pools/drivers.ts";
import { closedError } from "../pools/pool-errors.ts";
import { toNeonError } from "./errors.ts";
import { invalid } from "./neon-options.ts";
import { LineWatch } from "./line-watch.ts";

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
/** The first attempt to connect again is given so long, each later one twice the time: some hang in a path that is still dead. */
const FIRST_ATTEMPT_MS = 1_000;

export interface ListenerOptions {
  readonly driver: Omit<DriverOptions, "onLost">;
  /** Names the closed pool in errors. */
  readonly pool: string;
  /** Between two questions whether the connection lives, ms; 0: none. */
  readonly keepAliveMs: number;
  readonly onAnswer: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * All subscriptions of a client on one connection of their own: LISTEN is session state, which a pool in transaction
 * mode would lose. A connection that was lost, or has fallen silent, is made again, with growing waits, as long as
 * somebody listens.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #subscribers = new Set<Subscriber>();
  readonly #stop = new AbortController();
  #client: pg.Client | undefined;
  #connecting: Promise<pg.Client> | undefined;
  /** The one that {@link #connecting} makes. */
  #attempt: pg.Client | undefined;
  #watch: LineWatch | undefined;
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
    if (this.#stop.signal.aborted) throw closedError(this.#options.pool);
    const bytes = Buffer.byteLength(channel);
    // PostgreSQL would cut a longer name without a word, and no notification would ever bear the whole.
    if (bytes < 1 || bytes > 63 || channel.includes("\0"))
      throw invalid(`a channel's name has 1 to 63 bytes and no NUL, got ${bytes} bytes`);
    const subscriber: Subscriber = { channel, onNotification, onGap: options.onGap };
    this.#subscribers.add(subscriber);
    try {
      const client = await raceSignal((this.#connecting ??= this.#connect()), signal);
      await raceSignal(client.query(`listen ${quoted(channel)}`), signal);
    } catch (thrown) {
      await this.#remove(subscriber);
      if (signal.aborted) throw signal.reason;
      throw toNeonError(cleanFailure(thrown, this.#options.driver), {
        operation: "listen",
        phase: "connect",
        repeatable: true,
      });
    }
    const close = () => {
      options.signal?.removeEventListener("abort", onAbort);
      return this.#remove(subscriber);
    };
    const onAbort = () => void close();
    options.signal?.addEventListener("abort", onAbort, { once: true });
    return { close };
  }

  close(): void {
    this.#stop.abort();
    this.#subscribers.clear();
    this.#disconnect();
  }

  async #remove(subscriber: Subscriber): Promise<void> {
    if (!this.#subscribers.delete(subscriber)) return;
    if (this.#subscribers.size === 0) return this.#disconnect();
    if (![...this.#subscribers].some(({ channel }) => channel === subscriber.channel))
      await this.#client?.query(`unlisten ${quoted(subscriber.channel)}`).catch(() => undefined);
  }

  async #connect(timeoutMs = Infinity): Promise<pg.Client> {
    const { driver: given, keepAliveMs, clock, onAnswer } = this.#options;
    const connectionTimeoutMs = Math.min(given.limits.connectionTimeoutMs, timeoutMs);
    const onLost = (error: unknown) => void this.#recover(client, error);
    const driver: DriverOptions = { ...given, limits: { ...given.limits, connectionTimeoutMs }, onLost };
    const client = new (clientClass(driver))(clientConfig(driver));
    this.#attempt = client;
    client.on("notification", ({ channel, payload = "" }) => this.#deliver(channel, payload));
    try {
      await client.connect();
    } catch (thrown) {
      if (this.#attempt === client) this.#connecting = this.#attempt = undefined;
      destroyClient(client);
      throw thrown;
    }
    const onSilence = () => {
      onLost(new Error(`nothing was heard for ${keepAliveMs} ms after a question`));
      destroyClient(client);
    };
    this.#watch = new LineWatch(client, { everyMs: keepAliveMs, clock, onAnswer, onSilence });
    this.#attempt = undefined;
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
    this.#watch?.stop();
    this.#client = this.#connecting = undefined;
    this.#recovering = true;
    const { clock, random, logger } = this.#options;
    const message = redactUrls(describeThrown(cleanFailure(error, this.#options.driver)));
    logger.warn({}, `the LISTEN connection was lost: ${message}`);
    try {
      for (let attempt = 0; this.#subscribers.size > 0; attempt += 1) {
        const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_BASE_MS * 2 ** attempt);
        await sleep(ceiling * (0.5 + random.next() / 2), clock, this.#stop.signal);
        if (await this.#listenAgain(FIRST_ATTEMPT_MS * 2 ** attempt)) break;
      }
    } catch {
      // closed meanwhile
    } finally {
      this.#recovering = false;
    }
  }

  async #listenAgain(timeoutMs: number): Promise<boolean> {
    try {
      const client = await (this.#connecting ??= this.#connect(timeoutMs));
      for (const channel of new Set([...this.#subscribers].map((each) => each.channel)))
        await client.query(`listen ${quoted(channel)}`);
    } catch {
      this.#disconnect();
      return false;
    }
    for (const { onGap } of this.#subscribers) if (onGap) this.#tell(onGap);
    return true;
  }

  /** Without goodbye: nothing is left to save, and a silent server would not answer it. */
  #disconnect(): void {
    const [client, attempt] = [this.#client, this.#attempt];
    this.#watch?.stop();
    this.#client = this.#connecting = this.#attempt = undefined;
    void client?.end().catch(() => undefined);
    if (client) destroyClient(client);
    if (attempt) destroyClient(attempt); // without end(): pg would never settle its connect() then
  }
}

function quoted(channel: string): string {
  return `"${channel.replaceAll('"', '""')}"`;
}
