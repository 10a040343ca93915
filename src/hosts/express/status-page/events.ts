import { type ServerResponse } from "node:http";
import { type TimerHandle } from "../../../core/index.ts";
import { type Integration } from "../../../integration.ts";
import { type ExpressRequest, send } from "../handler.ts";

/** Open pages that one router feeds; each costs a snapshot every two seconds. */
const MAX_CLIENTS = 20;
/** A reader that takes nothing for so long is gone, and somebody else may want its place. */
const MAX_STALL_MS = 30_000;

/** The status as server-sent events. A snapshot every two seconds is also the heartbeat. */
export class StatusEvents {
  readonly #integration: Integration;
  #clients = 0;

  constructor(integration: Integration) {
    this.#integration = integration;
  }

  /**
   * Sends until the client goes away, takes nothing any more or may not see it any more, or the integration is closed.
   * @param mayStillSee asked before each snapshot but the first: what was allowed when the page was opened may be over
   */
  async send(request: ExpressRequest, response: ServerResponse, mayStillSee: () => Promise<boolean>): Promise<void> {
    if (this.#clients >= MAX_CLIENTS) {
      response.setHeader("Retry-After", "10");
      return send(response, 503, `${MAX_CLIENTS} pages watch already\n`, "text/plain; charset=utf-8");
    }
    // Compressing middlewares would hold events back.
    response.setHeader("Cache-Control", "no-store, no-transform");
    response.setHeader("X-Accel-Buffering", "no");
    response.setHeader("Content-Type", "text/event-stream; charset=utf-8");
    if (request.method === "HEAD") return void response.end();
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    this.#clients += 1;
    try {
      await this.#feed(response, gone.signal, mayStillSee);
    } finally {
      this.#clients -= 1;
      response.end();
    }
  }

  async #feed(response: ServerResponse, gone: AbortSignal, mayStillSee: () => Promise<boolean>): Promise<void> {
    response.write("retry: 2000\n\n");
    let isFirst = true;
    for await (const snapshot of this.#integration.watchStatus({ signal: gone })) {
      if (!isFirst && !(await mayStillSee())) return;
      if (gone.aborted) return;
      isFirst = false;
      // One snapshot at most waits for a slow reader: the next one is made when this one has left.
      if (!response.write(`data: ${JSON.stringify(snapshot)}\n\n`)) await this.#drained(response, gone);
    }
  }

  async #drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
    let timer: TimerHandle | undefined;
    await new Promise<void>((resolve) => {
      response.once("drain", resolve);
      gone.addEventListener("abort", () => resolve(), { once: true });
      timer = this.#integration.clock.setTimer(() => response.destroy(), MAX_STALL_MS, { keepAlive: false });
    });
    timer?.cancel();
  }
}
