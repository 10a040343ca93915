import { ollamaError } from "./errors.ts";
import { type ChatChunk } from "./types.ts";

/**
 * Holds the last chunk back until the body has ended, so that its connection can be used again. Once it is there, what
 * happens to the connection no longer matters; without it, the answer is not whole.
 *
 * @throws IntegrationError NETWORK kind `stream_truncated`
 */
export async function* untilFinished(chunks: AsyncIterable<ChatChunk>): AsyncGenerator<ChatChunk, void, undefined> {
  let last: ChatChunk | undefined;
  try {
    for await (const chunk of chunks) {
      if (chunk.finish) last = chunk;
      else if (!last) yield chunk;
    }
  } catch (thrown) {
    if (!last) throw thrown;
  }
  if (!last) throw truncated();
  yield last;
}

export const truncated = () =>
  ollamaError("NETWORK", "stream_truncated", "the stream ended before the server said that the answer is complete");
