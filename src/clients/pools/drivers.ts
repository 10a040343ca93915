import { type EventEmitter } from "node:events";
import { Client as NeonDriverClient } from "@neondatabase/serverless";
import pg from "pg";
import { WebSocket } from "ws";
import { type Clock, type Redact, redactThrown } from "../../core/index.ts";
import { authorityOf, type ConnectionTarget } from "../neon/connection-string.ts";
import { gatherWrites, type WritableSocket } from "./gather-writes.ts";
import { type PoolLimits } from "./pool-options.ts";

/** How a pool's connections travel. */
export type PoolTransport = "websocket" | "tcp";

export interface DriverOptions {
  readonly target: ConnectionTarget;
  readonly transport: PoolTransport;
  readonly limits: PoolLimits;
  readonly clock: Clock;
  /** Takes secrets out of what the server says. @defaultValue nothing is taken out */
  readonly redact?: Redact | undefined;
  /** A connection that worked was lost, idle or in use. */
  readonly onLost?: (error: unknown) => void;
}

/** What was said when a connection ended, by the server or about it. */
const lastWords = new WeakMap<object, unknown>();

/**
 * The error of a statement on a connection that is gone says only that; where the server said why it ended it (an
 * administrator's command, a transaction that did nothing for too long), that becomes its cause.
 */
export function withLastWords(client: pg.ClientBase, thrown: unknown): unknown {
  const words = lastWords.get(client);
  if (words === undefined || !(thrown instanceof Error) || "severity" in thrown) return thrown;
  if (thrown.cause === undefined && words !== thrown) thrown.cause = words;
  return thrown;
}

const GOODBYE_MS = 1_000;

type ClientClass = new (config?: pg.ClientConfig) => pg.Client;
type Callback = (error?: unknown) => void;

/**
 * pg's client class over the wanted transport, with the guards that the bare drivers lack. The error listener is there
 * from the constructor on: a killed connection without one takes the process down, in the pool or out of it.
 */
export function clientClass(options: DriverOptions): ClientClass {
  return options.transport === "tcp" ? tcpClient(options) : webSocketClient(options);
}

export function clientConfig({ target, transport, limits }: DriverOptions): pg.ClientConfig {
  const { host, port, user, database, params } = target;
  const isTcp = transport === "tcp";
  return {
    host,
    port,
    user,
    database,
    password: target.password.reveal(),
    ssl: isTcp ? target.ssl : false, // inside a WebSocket the tunnel is what is encrypted
    application_name: params["application_name"] ?? limits.applicationName,
    query_timeout: limits.queryTimeoutMs,
    connectionTimeoutMillis: limits.connectionTimeoutMs,
    // A pooler refuses startup parameters that it does not know; transactions set the bound themselves there.
    ...(isTcp && !target.isPooler && serverBounds(limits)),
    ...(params["options"] !== undefined && { options: params["options"] }),
    ...(isTcp && { keepAlive: true, keepAliveInitialDelayMillis: 10_000 }),
  };
}

/** A driver's error as others may see it. */
export function cleanFailure(thrown: unknown, { redact }: Pick<DriverOptions, "redact">): unknown {
  return redact ? redactThrown(thrown, redact) : thrown;
}

/** What the server itself bounds, by the names of its settings, ms. */
export function serverBounds({ queryTimeoutMs, idleInTransactionMs }: PoolLimits) {
  return {
    statement_timeout: queryTimeoutMs,
    ...(idleInTransactionMs > 0 && { idle_in_transaction_session_timeout: idleInTransactionMs }),
  };
}

/** True where the server's own bounds must be set inside each transaction. */
export function needsLocalTimeout(target: ConnectionTarget, transport: PoolTransport): boolean {
  // Neon's proxy may keep a startup parameter to itself.
  return transport === "websocket" || target.isPooler || target.isNeon;
}

/** True while the server has not said that it is done with what it was sent. */
export function isBusy(client: pg.ClientBase): boolean {
  return !(client as unknown as { readonly readyForQuery: boolean }).readyForQuery;
}

/** Reads nothing more. */
export function pauseClient(client: pg.ClientBase): void {
  const stream = streamOf(client);
  if (stream.ws) stream.ws.pause();
  else stream.pause();
}

/** Cuts the connection now, without the goodbyes that a silent server would leave unanswered. */
export function destroyClient(client: pg.ClientBase): void {
  const stream = streamOf(client);
  if (stream.ws) stream.ws.terminate();
  else stream.destroy();
}

/** A server that lives hears a farewell and closes; one that does not is cut off after a second. */
export function sayGoodbye(client: pg.ClientBase, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => (destroyClient(client), resolve()), GOODBYE_MS, { keepAlive: false });
    client.once("end", () => (timer.cancel(), resolve()));
    (client as unknown as { ref(): void }).ref(); // whoever awaits the farewell is not to see the process end first
    void (client as pg.Client).end().catch(() => undefined);
  });
}

function streamOf(client: pg.ClientBase): Cuttable {
  return (client as unknown as { connection: { stream: Cuttable } }).connection.stream;
}

interface Cuttable {
  readonly ws?: WebSocket;
  pause(): void;
  destroy(): void;
}

function tcpClient({ onLost }: DriverOptions): ClientClass {
  return class extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super(config);
      this.on("error", once(lost(this, onLost)));
    }
  };
}

function webSocketClient({ target, limits, clock, onLost }: DriverOptions): ClientClass {
  const Driver = NeonDriverClient as unknown as new (config?: pg.ClientConfig) => DriverInternals;
  return class extends Driver {
    constructor(config?: pg.ClientConfig) {
      super(config);
      this.on("error", once(lost(this, onLost)));
      // Set on this client alone: neonConfig's globals belong to the host. `ws` tells why a connect failed, Node's own does not.
      const settings = this.neonConfig;
      settings.webSocketConstructor = WebSocket;
      settings.disableWarningInBrowsers = true;
      settings.coalesceWrites = false; // ours waits for no timer
      gatherWrites(this.connection.stream);
      if (!target.isLoopback) return;
      settings.wsProxy = () => `${authorityOf(target)}/v2`;
      settings.useSecureWebSocket = false;
    }

    /**
     * The driver reports success as soon as the tunnel stands, before the password and before a suspended compute woke
     * up. Ours waits until the server is ready, so that the bound on connecting covers all of it.
     */
    override connect(callback?: Callback): Promise<void> | undefined {
      if (!callback)
        return new Promise((resolve, reject) => {
          void this.connect((error) => (error ? reject(error) : resolve()));
        });
      const timer = clock.setTimer(() => {
        settle(new Error(`timeout exceeded when trying to connect: not ready within ${limits.connectionTimeoutMs} ms`));
        destroyClient(this as unknown as pg.ClientBase);
      }, limits.connectionTimeoutMs);
      const settle = once((error?: unknown) => {
        timer.cancel();
        this.off("error", settle).off("end", onEnd);
        callback(error);
      });
      const onEnd = () => settle(new Error("Connection terminated unexpectedly"));
      void super.connect((error) => (error ? settle(error) : undefined));
      this.on("error", settle).on("end", onEnd);
      this.connection.once("readyForQuery", () => settle());
      return undefined; // as pg's callback form does
    }

    ref(): void {
      (this.connection.stream.ws as Sockets | undefined)?._socket?.ref();
    }

    /** An idle connection must not keep the process alive; the driver's own `unref` does nothing. */
    unref(): void {
      (this.connection.stream.ws as Sockets | undefined)?._socket?.unref();
    }
  } as unknown as ClientClass;
}

function lost(client: object, onLost: DriverOptions["onLost"]): (error: unknown) => void {
  return (error) => {
    lastWords.set(client, error);
    onLost?.(error);
  };
}

interface DriverInternals extends EventEmitter {
  readonly neonConfig: Record<string, unknown>;
  readonly connection: EventEmitter & { readonly stream: Cuttable & WritableSocket };
  connect(callback?: Callback): Promise<void> | undefined;
}
interface Sockets {
  readonly _socket?: { ref(): void; unref(): void };
}

function once<A extends unknown[]>(fn: ((...args: A) => void) | undefined): (...args: A) => void {
  let called = false;
  return (...args) => {
    if (called) return;
    called = true;
    fn?.(...args);
  };
}
