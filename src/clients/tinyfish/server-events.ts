import { createParser } from "eventsource-parser";
import { type Clock, IntegrationError, LinkedSignal, raceSignal } from "../../core/index.ts";

/**
 * The JSON of each server-sent event. What is no JSON is passed over.
 *
 * @throws IntegrationError NETWORK after `stallMs` without a byte; heartbeats count as life
 */
export async function* readServerEvents(
  body: ReadableStream<Uint8Array>,
  options: { readonly clock: Clock; readonly stallMs: number },
): AsyncGenerator<unknown, void, undefined> {
  const events: unknown[] = [];
  const parser = createParser({ onEvent: ({ data }) => void events.push(...parseJson(data)) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await readWithin(reader, options);
      parser.feed(done ? "\n\n" : decoder.decode(value, { stream: true }));
      yield* events.splice(0);
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

type ReadResult = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { clock, stallMs }: { readonly clock: Clock; readonly stallMs: number },
): Promise<ReadResult> {
  const stall = new LinkedSignal().after(stallMs, clock, () => stalled(stallMs));
  try {
    return await raceSignal(reader.read(), stall.signal);
  } finally {
    stall.dispose();
  }
}

function stalled(stallMs: number): IntegrationError {
  return new IntegrationError({
    code: "NETWORK",
    message: `tinyfish: the event stream was silent for ${stallMs} ms`,
    service: "tinyfish",
  });
}

function parseJson(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}
