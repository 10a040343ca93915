import { once } from "node:events";
import { type ServerResponse } from "node:http";
import { type Integration } from "../../../integration.ts";
import { type ExpressRequest, send } from "../handler.ts";

/** Open pages that one router feeds; each costs a snapshot every two seconds. */
const MAX_CLIENTS = 20;

/** The status as server-sent events. A snapshot every two seconds is also the heartbeat. */
export class StatusEvents {
  readonly #integration: Integration;
  #clients = 0;

  constructor(integration: Integration) {
    this.#integration = integration;
  }

  /** Sends until the client goes away, or the integration is closed. */
  async send(request: ExpressRequest, response: ServerResponse): Promise<void> {
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
      response.write("retry: 2000\n\n");
      for await (const snapshot of this.#integration.watchStatus({ signal: gone.signal }))
        if (!response.write(`data: ${JSON.stringify(snapshot)}\n\n`)) await once(response, "drain", gone);
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    } finally {
      this.#clients -= 1;
      response.end();
    }
  }
}
