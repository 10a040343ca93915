import { createServer, type Server } from "node:http";
import { pipeline, Readable } from "node:stream";
import { IntegrationError } from "../core/index.ts";
import { type MonitoringSystem } from "../monitoring/index.ts";

export interface MetricsServerOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** An address of this machine. */
  readonly host: string;
  readonly path: string;
}

/** Serves the metrics on a port of their own (METRICS_PORT): to this machine alone, unless METRICS_HOST says otherwise. */
export class MetricsServer {
  readonly #server: Server;
  readonly #port: number;
  readonly #host: string;

  constructor(monitoring: MonitoringSystem, options: MetricsServerOptions) {
    this.#port = options.port;
    this.#host = options.host;
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
        const message = `the metrics server could not listen on METRICS_PORT ${this.#port} of ${this.#host}: ${cause.message}`;
        reject(new IntegrationError({ code: "CONFIG_INVALID", message, cause }));
      });
      this.#server.listen(this.#port, this.#host, () => {
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
