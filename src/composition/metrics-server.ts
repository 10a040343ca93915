import { createServer, type Server } from "node:http";
import { pipeline, Readable } from "node:stream";
import { IntegrationError } from "../core/index.ts";
import { type MonitoringSystem } from "../monitoring/index.ts";

/** Serves the metrics on a port of their own (METRICS_PORT), this machine only: hosts mount them where more may read. */
export class MetricsServer {
  readonly #server: Server;
  readonly #port: number;

  constructor(monitoring: MonitoringSystem, options: { readonly port: number; readonly path: string }) {
    this.#port = options.port;
    this.#server = createServer((request, response) => {
      if (request.method !== "GET" || request.url?.split("?")[0] !== options.path) {
        response.writeHead(404).end();
        return;
      }
      const { contentType, slices } = monitoring.scrape({ accept: request.headers.accept });
      response.setHeader("content-type", contentType);
      // A scraper that hangs up half-way is its own affair.
      pipeline(Readable.from(slices), response, () => undefined);
    });
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause) => {
        const message = `the metrics server could not listen on METRICS_PORT ${this.#port}: ${cause.message}`;
        reject(new IntegrationError({ code: "CONFIG_INVALID", message, cause }));
      });
      this.#server.listen(this.#port, "127.0.0.1", () => {
        this.#server.unref();
        resolve();
      });
    });
  }

  /** The port it listens on, or undefined before {@link start}. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
