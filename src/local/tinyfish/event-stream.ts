import { type Clock } from "../../core/index.ts";
import { applyQuirks, type Quirks } from "./quirks.ts";
import { type Run } from "./run.ts";

/** The run's events as server-sent events, from the first to `COMPLETE`, with a heartbeat in the pauses. */
export function eventStream(run: Run, options: { clock: Clock; heartbeatMs: number; quirks: Quirks }): Response {
  const { clock, heartbeatMs, quirks } = options;
  const encoder = new TextEncoder();
  let said = 0;
  let stop: () => void = () => undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (event: object) =>
        controller.enqueue(encoder.encode(`data: ${JSON.stringify(applyQuirks(event, quirks))}\n\n`));
      let timer = clock.setTimer(beat, heartbeatMs, { keepAlive: false });
      const unwatch = run.watch(flush);
      stop = () => {
        unwatch();
        timer.cancel();
      };
      function beat() {
        send({ type: "HEARTBEAT", timestamp: new Date(clock.wallNow()).toISOString() });
        timer = clock.setTimer(beat, heartbeatMs, { keepAlive: false });
      }
      function flush() {
        for (; said < run.events.length; said += 1) {
          if (said === quirks.cutStreamAfterEvents) return cut();
          if (quirks.unknownNames)
            send({ type: "THINKING", run_id: run.id, thought: "an event that no document names" });
          send(run.events[said]!);
        }
        if (!run.isOver) return;
        stop();
        controller.close();
      }
      function cut() {
        stop();
        if (quirks.cutStreamBy === "reset") controller.error(new Error("the stream was cut"));
        if (quirks.cutStreamBy === "end") controller.close();
      }
      flush();
    },
    cancel: () => stop(),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
}
