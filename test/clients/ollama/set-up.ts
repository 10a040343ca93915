import { afterEach } from "vitest";
import { OllamaClient, type OllamaClientOptions } from "../../../src/clients/ollama/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type OllamaStandInOptions, startOllamaStandIn } from "../../../src/local/ollama/index.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A client against a stand-in of its own; both are closed after the test. */
export async function setUp(options: OllamaClientOptions = {}, server: Omit<OllamaStandInOptions, "faults"> = {}) {
  const faults = new FaultPlan();
  const standIn = await startOllamaStandIn({ faults, embedder: "hashing", ...server });
  closers.push(() => standIn.close());
  const { OLLAMA_BASE_URL: baseUrl, OLLAMA_DEFAULT_MODEL: model, OLLAMA_EMBED_MODEL: embedModel } = standIn.env;
  const client = new OllamaClient({ baseUrl, model, embedModel, ...options });
  closers.push(() => client.close());
  return { client, standIn, faults };
}

/** The bodies of the requests to a path, as the global `fetch` sent them. */
export function recordingFetch() {
  const sent: { path: string; body: Record<string, unknown>; headers: Headers }[] = [];
  const fetch = (input: string | URL, init?: RequestInit) => {
    const body = typeof init?.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : {};
    sent.push({ path: new URL(input).pathname, body, headers: new Headers(init?.headers) });
    return globalThis.fetch(input, init);
  };
  return { fetch, sent, to: (path: string) => sent.filter((each) => each.path === path) };
}

export const sky = [
  { role: "user", content: "Context: The sky is blue. Grass is green.\nQuestion: What colour is the sky?" },
] as const;

/** What an iterable gives until it ends or fails, and the failure. */
export async function drain<T>(items: AsyncIterable<T>): Promise<{ items: T[]; error?: unknown }> {
  const seen: T[] = [];
  try {
    for await (const item of items) seen.push(item);
    return { items: seen };
  } catch (error) {
    return { items: seen, error };
  }
}
