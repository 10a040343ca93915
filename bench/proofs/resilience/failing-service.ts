import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { seededRandom } from "enhanced-integration/testing";

export type ServiceName = "neon" | "supabase" | "tinyfish" | "ollama";

/** Failures are dealt from a shuffled deck of so many, so that each hundred requests holds exactly its share. */
const DECK = 100;

/** The part of each service's protocol that the proof asks for, answered as the service would. */
const answers: Readonly<Record<ServiceName, (path: string) => unknown>> = {
  neon: () => ({
    command: "SELECT",
    rowCount: 1,
    rows: [["1"]],
    rowAsArray: true,
    fields: [
      { name: "one", tableID: 0, columnID: 0, dataTypeID: 23, dataTypeSize: 4, dataTypeModifier: -1, format: "text" },
    ],
  }),
  supabase: () => [],
  tinyfish: () => ({ query: "houses", results: [], total_results: 0, page: 0 }),
  ollama: (path) =>
    path === "/api/version" ? { version: "0.11.0" } : { embeddings: [[0.6, 0.8]], prompt_eval_count: 3 },
};

/** A service on a real socket that fails as often as it is told, and counts every request that reaches it. */
export class FailingService {
  readonly name: ServiceName;
  readonly #server: Server;
  readonly #random: { next(): number };
  #share = 0;
  #silent = false;
  #deck: boolean[] = [];
  /** Requests that arrived since {@link fail} was last called. */
  requests = 0;
  /** Requests that are neither answered nor given up. */
  open = 0;

  constructor(name: ServiceName, seed: number) {
    this.name = name;
    this.#random = seededRandom(seed);
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** @returns host and port */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on this share of the requests fails: every other one of them with a 503, the rest by a cut connection. */
  fail(share: number): void {
    this.#share = share;
    this.#silent = false;
    this.#deck = [];
    this.requests = 0;
  }

  /** From now on requests are taken and never answered. */
  fallSilent(): void {
    this.fail(0);
    this.#silent = true;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    this.open += 1;
    response.once("close", () => (this.open -= 1));
    request.resume();
    if (this.#silent) return;
    const fails = this.#nextFails();
    if (fails && this.requests % 2 === 0) return void request.socket.destroy();
    const path = request.url ?? "/";
    response.writeHead(fails ? 503 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(fails ? { message: "down", error: "down" } : answers[this.name](path)));
  }

  #nextFails(): boolean {
    if (this.#deck.length === 0) {
      const failures = Math.round(DECK * this.#share);
      this.#deck = Array.from({ length: DECK }, (_, index) => index < failures);
      for (let last = DECK - 1; last > 0; last -= 1) {
        const other = Math.floor(this.#random.next() * (last + 1));
        [this.#deck[last], this.#deck[other]] = [this.#deck[other] === true, this.#deck[last] === true];
      }
    }
    return this.#deck.pop() === true;
  }
}
