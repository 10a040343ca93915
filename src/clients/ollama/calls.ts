import {
  type CallRunner,
  type CallSpec,
  IntegrationError,
  LinkedSignal,
  type ReadOptions,
  runRead,
} from "../../core/index.ts";
import { type CallOptions } from "./requests.ts";

/** A call as the client makes it: what the caller brought, and the limit that it is charged to. */
export interface LimitedOptions extends CallOptions {
  readonly limit?: CallSpec["limit"];
  /** It changes something at the server. @defaultValue false */
  readonly write?: boolean;
}

/** A read that may be cached and hedged. */
export interface AskedRead extends LimitedOptions, ReadOptions {
  /** All that the answer depends on; without them it is neither. */
  readonly facts?: readonly unknown[];
}

/** Runs a client's calls through its runner, and ends them all on close. */
export class Calls {
  readonly #runner: CallRunner;
  readonly #closing = new AbortController();
  /** Attempts under way. */
  readonly #running = new Set<Promise<void>>();

  constructor(runner: CallRunner) {
    this.#runner = runner;
  }

  /** Fires on close. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** @throws IntegrationError CLOSED once the client is closed */
  async run<T>(operation: string, options: AskedRead, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const linked = this.#link(options);
    try {
      const { cache, hedge, onMeta, facts } = options;
      const asked = facts ? { cache, hedge, onMeta, facts } : { facts: [] };
      return await runRead(this.#runner, spec(operation, options, linked.signal), asked, async ({ signal }) => {
        const ended = this.#begin();
        try {
          return await work(signal);
        } finally {
          ended();
        }
      });
    } catch (thrown) {
      throw this.#inOurWords(thrown, options);
    } finally {
      linked.dispose();
    }
  }

  /** @throws IntegrationError CLOSED once the client is closed */
  async *stream<T>(
    operation: string,
    options: LimitedOptions,
    work: (signal: AbortSignal) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    const linked = this.#link(options);
    const begin = () => this.#begin();
    try {
      yield* this.#runner.stream(spec(operation, options, linked.signal), async function* ({ signal }) {
        const ended = begin();
        try {
          yield* work(signal);
        } finally {
          ended();
        }
      });
    } catch (thrown) {
      throw this.#inOurWords(thrown, options);
    } finally {
      linked.dispose();
    }
  }

  /** Aborts what is under way and waits until it is gone. */
  async close(): Promise<void> {
    this.#closing.abort(closed());
    await Promise.all(this.#running);
  }

  #link(options: CallOptions): LinkedSignal {
    if (this.closing.aborted) throw closed();
    return new LinkedSignal().follow(options.signal).follow(this.closing);
  }

  #begin(): () => void {
    let end!: () => void;
    const running = new Promise<void>((resolve) => (end = resolve));
    this.#running.add(running);
    return () => {
      this.#running.delete(running);
      end();
    };
  }

  /** A runner sees only that its signal fired; we know whether the caller or close did it. */
  #inOurWords(thrown: unknown, options: CallOptions): unknown {
    const aborted = IntegrationError.isInstance(thrown) && thrown.code === "ABORTED";
    return aborted && this.closing.aborted && !options.signal?.aborted ? closed() : thrown;
  }
}

/** Nothing but a pulled model stays behind on the server, and that can be pulled again: every call may be repeated. */
function spec(
  operation: string,
  { deadlineMs, priority, limit, parent, write = false }: LimitedOptions,
  signal: AbortSignal,
): CallSpec {
  return {
    service: "ollama",
    operation,
    idempotent: true,
    write,
    signal,
    // One attempt may need all the time there is: its silences have bounds of their own.
    ...(deadlineMs !== undefined && { deadlineMs, attemptTimeoutMs: deadlineMs }),
    ...(priority && { priority }),
    ...(limit && { limit }),
    ...(parent && { parent }),
  };
}

const closed = () =>
  new IntegrationError({ code: "CLOSED", message: "the Ollama client was closed; make a new one", service: "ollama" });
