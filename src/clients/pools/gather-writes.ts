/** The parts of the driver's socket through which bytes leave. */
export interface WritableSocket {
  rawWrite(bytes: Uint8Array): void;
  end(...rest: unknown[]): unknown;
}

/**
 * Sends what one turn writes as one WebSocket frame, before the turn is over. A statement is five messages, written one
 * after the other; the driver gathers them by waiting for a timer, which costs each round trip 1 ms and more (measured
 * on loopback: 1.6 ms against 0.12 ms), and without gathering sends five frames.
 */
export function gatherWrites(socket: WritableSocket): void {
  const send = socket.rawWrite.bind(socket);
  const end = socket.end.bind(socket);
  let parts: Uint8Array[] = [];
  const flush = () => {
    if (parts.length === 0) return;
    const gathered = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [];
    send(gathered);
  };
  socket.rawWrite = (bytes) => {
    if (parts.push(bytes) === 1) queueMicrotask(flush);
  };
  // The goodbye must leave before the socket closes.
  socket.end = (...rest) => {
    flush();
    return end(...rest);
  };
}
