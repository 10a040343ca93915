import { closeSync, openSync, readSync } from "node:fs";

const buffer = Buffer.alloc(128);
const file = openSchedulerFile();

/**
 * Monotonic milliseconds in which this thread ran or slept of its own accord: time in which it was ready and another
 * process had the processor is not counted, where the system tells it (Linux). A shared machine takes turns of several
 * milliseconds, and would else charge them to whoever is being timed.
 */
export function undisturbedMs(): number {
  return performance.now() - waitedForProcessorMs();
}

/** `/proc/thread-self/schedstat`: nanoseconds on the processor, nanoseconds ready and waiting for it, turns. */
function waitedForProcessorMs(): number {
  if (file === undefined) return 0;
  const length = readSync(file, buffer, 0, buffer.length, 0);
  return Number(buffer.toString("latin1", 0, length).split(" ")[1]) / 1e6;
}

function openSchedulerFile(): number | undefined {
  try {
    const opened = openSync("/proc/thread-self/schedstat", "r");
    process.once("exit", () => closeSync(opened));
    return opened;
  } catch {
    return undefined;
  }
}
