export { BodyReader, cstring, frame, FrameReader, int32, type Frame } from "./frames.ts";
export * as client from "./client-messages.ts";
export * as server from "./server-messages.ts";
export { type Field, type TransactionStatus } from "./server-messages.ts";
export { failed, fatal, SqlFault, type SqlFaultFields } from "./sql-fault.ts";
