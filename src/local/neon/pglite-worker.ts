import { parentPort, workerData } from "node:worker_threads";
import { openDatabase } from "./engine/pglite/database.ts";
import { type FromWorker, type ToWorker, type WorkerSettings } from "./engine/pglite/protocol.ts";

/**
 * The worker thread that PGlite lives in: a statement blocks the thread that runs it, and that must not be the host's.
 * Runs one statement at a time; who may go next is decided on the other side.
 */

/** Answers leave in pieces of this size, so that a large result is not held twice. */
const PIECE_BYTES = 256 * 1024;

const port = parentPort!;
const tell = (message: FromWorker) =>
  port.postMessage(message, "bytes" in message ? [message.bytes.buffer as ArrayBuffer] : []);

function failure(error: unknown): FromWorker {
  const { code, message } = error as NodeJS.ErrnoException;
  const missing = /Cannot find package '([^']+)'/.exec(message)?.[1];
  return code === "ERR_MODULE_NOT_FOUND" && missing !== undefined
    ? { kind: "failed", message, missingPackage: missing }
    : { kind: "failed", message };
}

async function main(): Promise<void> {
  const { pglite, startedFrom, notes } = await openDatabase(workerData as WorkerSettings);
  port.on("message", (message: ToWorker) => {
    const work = message.kind === "execute" ? execute(message.bytes) : pglite.close().then(() => port.close());
    work.catch((error: unknown) => tell(failure(error)));
  });
  tell({ kind: "ready", startedFrom, notes });

  const piece = new Uint8Array(PIECE_BYTES);
  async function execute(bytes: Uint8Array): Promise<void> {
    let used = 0;
    const onRawData = (data: Uint8Array) => {
      for (let at = 0; at < data.length;) {
        const taken = data.subarray(at, at + PIECE_BYTES - used);
        piece.set(taken, used);
        used += taken.length;
        at += taken.length;
        if (used < PIECE_BYTES) continue;
        tell({ kind: "answer", bytes: piece.slice() });
        used = 0;
      }
    };
    await pglite.execProtocolRawStream(bytes, { syncToFs: false, onRawData });
    tell({ kind: "done", bytes: piece.slice(0, used) });
  }
}

main().catch((error: unknown) => tell(failure(error)));
