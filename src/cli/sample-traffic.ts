import { type Integration } from "../integration.ts";

/** Between two rounds, ms. */
const ROUND_MS = 1_000;

/**
 * Reads a little from each local service, so that the status page has something to show. Changes nothing anywhere.
 * @returns a function that ends it
 */
export function startSampleTraffic({ clock, neon, ollama, tinyfish }: Integration): () => void {
  let timer = clock.setTimer(round, 0, { keepAlive: false });
  function round(): void {
    const reads = [neon.query`select count(*) from pg_class`, ollama.models(), tinyfish.search({ query: "houses" })];
    // Whatever goes wrong is what the page is there to show.
    void Promise.allSettled(reads);
    timer = clock.setTimer(round, ROUND_MS, { keepAlive: false });
  }
  return () => timer.cancel();
}
