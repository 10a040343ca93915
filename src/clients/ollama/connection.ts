import { IntegrationError, raceSignal, type Redact, revealSecret } from "../../core/index.ts";
import { type HttpRequest, HttpTransport } from "../http/transport.ts";
import { normalizeBaseUrl } from "./base-url.ts";
import { ollamaError, readOllamaError } from "./errors.ts";
import { type ResolvedOllamaOptions } from "./options.ts";
import { type WaitKind, Watchdog } from "./watchdog.ts";

/** Which face the server shows: Ollama's own, or only the OpenAI-compatible one (LM Studio, vLLM, llama.cpp). */
export type Face = "native" | "openai";

/** One server: its requests, their bounds, and what it speaks. */
export class OllamaConnection {
  readonly root: string;
  /** Takes secrets out of what the server says. */
  readonly redact: Redact;
  readonly #options: ResolvedOllamaOptions;
  readonly #http: HttpTransport;
  /** Fires on close; the shared probe follows no caller. */
  readonly #closing: AbortSignal;
  #face: Face | undefined;
  #probing: Promise<Face> | undefined;

  constructor(options: ResolvedOllamaOptions, closing: AbortSignal) {
    const { root, authorization } = normalizeBaseUrl(options.baseUrl);
    const apiKey = options.apiKey === undefined ? "" : revealSecret(options.apiKey);
    const credentials = apiKey === "" ? authorization?.reveal() : `Bearer ${apiKey}`;
    this.root = root;
    this.redact = options.runner.redact ?? ((text) => text);
    this.#options = options;
    this.#closing = closing;
    this.#http = new HttpTransport({
      service: "ollama",
      fetch: options.fetch,
      clock: options.clock,
      events: options.events,
      readError: readOllamaError,
      ...(credentials !== undefined && { headers: { authorization: credentials } }),
    });
  }

  /** Asked once, at the first call; a failure is not remembered. Callers share the question, not each other's abort. */
  async face(signal: AbortSignal): Promise<Face> {
    if (this.#face) return this.#face;
    this.#probing ??= this.#probe().finally(() => (this.#probing = undefined));
    return raceSignal(this.#probing, signal);
  }

  /** @throws IntegrationError FEATURE_DISABLED on a server that has only `/v1` */
  async requireNative(feature: string, signal: AbortSignal): Promise<void> {
    if ((await this.face(signal)) === "native") return;
    const message = `${feature} needs Ollama's native API, but ${this.root} answers only under /v1 (an OpenAI-compatible server)`;
    throw ollamaError("FEATURE_DISABLED", "openai_only", message);
  }

  /** A light question: answered within `connectTimeoutMs`. */
  ask(path: string, signal: AbortSignal, json?: unknown): Promise<unknown> {
    return this.#json(path, signal, json, "connect_timeout", this.#options.connectTimeoutMs);
  }

  /** Work that is answered in one piece; loading a model counts. */
  work(path: string, signal: AbortSignal, json: unknown): Promise<unknown> {
    return this.#json(path, signal, json, "first_byte_timeout", this.#options.firstByteTimeoutMs);
  }

  /**
   * The pieces of a streamed answer. Leaving the loop, or the signal, ends the request at once.
   *
   * @param idleMs bound on the silence between two pieces. @defaultValue `idleTimeoutMs`
   */
  async *stream(
    path: string,
    signal: AbortSignal,
    json: unknown,
    idleMs = this.#options.idleTimeoutMs,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { clock, firstByteTimeoutMs } = this.#options;
    const watchdog = new Watchdog(clock, signal);
    try {
      const request = this.#request(path, watchdog.signal, json);
      const reader = await watchdog.within(firstByteTimeoutMs, "first_byte_timeout", async () =>
        (await this.#http.send(request)).body?.getReader(),
      );
      if (!reader) return;
      let bound: readonly [number, WaitKind] = [firstByteTimeoutMs, "first_byte_timeout"];
      for (;;) {
        const read = await watchdog.within(...bound, () => this.#http.read(request, () => reader.read()));
        if (read.done) return;
        yield read.value as Uint8Array;
        bound = [idleMs, "idle_timeout"];
      }
    } finally {
      watchdog.dispose();
    }
  }

  async #json(path: string, signal: AbortSignal, json: unknown, kind: WaitKind, ms: number): Promise<unknown> {
    const watchdog = new Watchdog(this.#options.clock, signal);
    try {
      return await watchdog.within(ms, kind, () => this.#http.json(this.#request(path, watchdog.signal, json)));
    } finally {
      watchdog.dispose();
    }
  }

  #request(path: string, signal: AbortSignal, json: unknown): HttpRequest {
    const url = `${this.root}${path}`;
    return json === undefined ? { method: "GET", url, signal } : { method: "POST", url, signal, json };
  }

  async #probe(): Promise<Face> {
    const native = await this.#try("/api/version");
    if (isRecord(native) && typeof native["version"] === "string") return (this.#face = "native");
    const openAi = await this.#try("/v1/models");
    if (isRecord(openAi) && Array.isArray(openAi["data"])) return (this.#face = "openai");
    throw new IntegrationError({
      code: "NOT_FOUND",
      message: `there is no Ollama: neither ${this.root}/api/version nor ${this.root}/v1/models answers as one; check OLLAMA_BASE_URL`,
      service: "ollama",
    });
  }

  /** A path that this server does not have, or answers with something else, is an answer; anything else is a failure. */
  async #try(path: string): Promise<unknown> {
    try {
      return await this.ask(path, this.#closing);
    } catch (thrown) {
      if (!IntegrationError.isInstance(thrown)) throw thrown;
      if (thrown.code === "NOT_FOUND" || thrown.code === "INVALID_OUTPUT" || thrown.status === 405) return undefined;
      if (thrown.code !== "NETWORK") throw thrown;
      const { verdict, notSent, cause } = thrown;
      const message = `no server at ${this.root}: neither /api/version nor /v1/models can be asked (${thrown.message}); start "ollama serve" or set OLLAMA_BASE_URL`;
      throw new IntegrationError({ code: "NETWORK", message, verdict, notSent, cause, service: "ollama" });
    }
  }
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
