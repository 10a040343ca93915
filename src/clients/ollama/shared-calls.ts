import { abortedError, IntegrationError, raceSignal } from "../../core/index.ts";

/** Equal calls at the same time are one call. */
export class SharedCalls<T> {
  readonly #flights = new Map<string, Promise<T>>();

  /** Joins the call under way or leads a new one. A caller's signal ends its own wait, never the others'. */
  async run(key: string, signal: AbortSignal | undefined, lead: () => Promise<T>): Promise<T> {
    for (;;) {
      const flight = this.#flights.get(key);
      if (!flight) return this.#lead(key, lead);
      try {
        return await (signal ? raceSignal(flight, signal) : flight);
      } catch (thrown) {
        if (signal?.aborted) throw abortedError({ service: "ollama", operation: "chat" }, signal.reason);
        if (!ownersWish(thrown)) throw thrown;
      }
    }
  }

  async #lead(key: string, lead: () => Promise<T>): Promise<T> {
    const flight = lead();
    this.#flights.set(key, flight);
    try {
      return await flight;
    } finally {
      this.#flights.delete(key);
    }
  }
}

/** The owner's abort or deadline says nothing about the service: whoever shared the request asks for itself. */
export const ownersWish = (thrown: unknown): boolean =>
  IntegrationError.isInstance(thrown) && (thrown.code === "ABORTED" || thrown.code === "DEADLINE_EXCEEDED");
