import { type EmittedEvent, type EventBus, type EventName, type IntegrationEvents } from "../core/index.ts";

/**
 * Keeps the events of a bus, in order, from its construction to its end.
 *
 * @example
 * using recorder = new EventRecorder(bus);
 * await call();
 * expect(recorder.names).toEqual(["attempt.failed", "retry.scheduled", "call.finished"]);
 * expect(recorder.of("retry.scheduled")[0]?.delayMs).toBe(1_000);
 */
export class EventRecorder implements Disposable {
  readonly #events: EmittedEvent[] = [];
  readonly #unsubscribe: () => void;

  constructor(bus: EventBus) {
    this.#unsubscribe = bus.onAny((emitted) => void this.#events.push(emitted));
  }

  /** Everything so far, oldest first. */
  get events(): readonly EmittedEvent[] {
    return this.#events;
  }

  /** The names so far, oldest first: the outline of what happened. */
  get names(): readonly EventName[] {
    return this.#events.map(({ name }) => name);
  }

  /** The events of one name, oldest first. */
  of<N extends EventName>(name: N): readonly IntegrationEvents[N][] {
    return this.#events.filter((emitted) => emitted.name === name).map(({ event }) => event as IntegrationEvents[N]);
  }

  /** Forgets what was kept; goes on listening. */
  clear(): void {
    this.#events.length = 0;
  }

  /** Stops listening; what was kept stays readable. */
  close(): void {
    this.#unsubscribe();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
