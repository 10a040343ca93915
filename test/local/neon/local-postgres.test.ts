import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, it } from "vitest";
import { startLocalPostgres } from "../../../src/local/index.ts";
import { freePort } from "../../../bench/support/free-port.ts";

async function ask(connectionString: string): Promise<unknown> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  client.on("error", () => undefined);
  await client.connect();
  const { rows } = await client.query("select inet_server_addr() is null as by_socket");
  await client.end();
  return rows[0];
}

it("listens on its socket alone, unless a port is given; there it wants its password, after a restart too", async () => {
  await using bySocket = await startLocalPostgres();
  expect(await ask(bySocket.connectionString)).toEqual({ by_socket: true });

  const port = await freePort();
  await using byTcp = await startLocalPostgres({ port });
  expect(byTcp.connectionString).toContain(`@127.0.0.1:${port}/`);
  expect(await ask(byTcp.connectionString)).toEqual({ by_socket: false });
  const guess = byTcp.connectionString.replace(/:[^:@]+@/, ":guess@");
  await expect(ask(guess)).rejects.toMatchObject({ code: "28P01" });
  await byTcp.stop("fast");
  await expect(ask(byTcp.connectionString)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await byTcp.begin();
  expect(await ask(byTcp.connectionString)).toEqual({ by_socket: false });
});

it("refuses a port that is none, or whose password nobody knows", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ei-local-postgres-"));
  for (const options of [{ port: 0 }, { port: 70_000 }, { port: 5_433, dataDir: folder }])
    await expect(startLocalPostgres(options)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await rm(folder, { recursive: true });
});
