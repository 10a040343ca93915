import { setImmediate as nextTurn } from "node:timers/promises";

/** How a stream can fail after it began; what comes before it is the fault plan's. */
export interface StreamBreak {
  /**
   * `error`: an error line under status 200 · `cut`: the connection ends · `truncate`: the stream ends without its last
   * line · `malformed`: one line is not JSON · `stall`: nothing more comes.
   */
  readonly kind: "error" | "cut" | "truncate" | "malformed" | "stall";
  /** Pieces that arrive before it. @defaultValue 1 */
  readonly afterPieces?: number;
  /** Streams that suffer it. @defaultValue 1 */
  readonly times?: number;
}

/** How each face words an error line and a broken line. */
export interface BrokenPieces {
  readonly error: string;
  readonly malformed: string;
}

/** Which of the next streams break, and how. */
export class StreamBreaks {
  readonly #rules: { readonly rule: StreamBreak; remaining: number }[] = [];

  add(rule: StreamBreak): void {
    this.#rules.push({ rule, remaining: rule.times ?? 1 });
  }

  /** Passes the pieces on until the next rule, if any, breaks them. */
  async *apply(
    pieces: Iterable<string> | AsyncIterable<string>,
    broken: BrokenPieces,
    gone: AbortSignal,
  ): AsyncGenerator<string, void, undefined> {
    const rule = this.#take();
    let sent = 0;
    for await (const piece of pieces) {
      if (rule && sent === (rule.afterPieces ?? 1)) {
        if (rule.kind === "malformed") yield broken.malformed;
        else return yield* breakOff(rule.kind, broken, gone);
      }
      yield piece;
      sent += 1;
    }
  }

  #take(): StreamBreak | undefined {
    const found = this.#rules.find(({ remaining }) => remaining > 0);
    if (found) found.remaining -= 1;
    return found?.rule;
  }
}

async function* breakOff(
  kind: Exclude<StreamBreak["kind"], "malformed">,
  broken: BrokenPieces,
  gone: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  switch (kind) {
    case "error":
      yield broken.error;
      return;
    case "truncate":
      return;
    case "cut":
      // What was written must have left before the socket is destroyed.
      for (let turn = 0; turn < 3; turn += 1) await nextTurn();
      throw new Error("the stand-in cuts the connection");
    case "stall":
      if (!gone.aborted)
        await new Promise<void>((resolve) => gone.addEventListener("abort", () => resolve(), { once: true }));
  }
}
