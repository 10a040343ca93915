// A host that a test kills: starts a server, tells where it is, and waits.
import { PostgresServer } from "../../../src/local/neon/engine/postgres/server.ts";
import { systemClock } from "../../../src/core/index.ts";

const server = await PostgresServer.start({ clock: systemClock, closeTimeoutMs: 5_000, onFailure: console.error });
console.log(JSON.stringify({ pid: server.pid, socketFolder: server.folder }));
setInterval(() => undefined, 60_000);
