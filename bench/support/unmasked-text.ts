/** What a client sent: the text itself, or the payload of its WebSocket frames, each masked by a key of its own. */
export function unmaskedText(bytes: Buffer): string {
  if (bytes[0] !== 0x82 || !(bytes[1]! & 0x80)) return bytes.toString("latin1");
  const short = bytes[1]! & 0x7f;
  const [at, length] = short < 126 ? [2, short] : [4, bytes.readUInt16BE(2)];
  const key = bytes.subarray(at, at + 4);
  const payload = bytes.subarray(at + 4, at + 4 + length).map((byte, index) => byte ^ key[index % 4]!);
  const rest = bytes.subarray(at + 4 + length);
  return Buffer.from(payload).toString("latin1") + (rest.length > 0 ? unmaskedText(rest) : "");
}
