import { decodePercent } from "../../core/index.ts";
import { failed, fatal, type SqlFault } from "./wire/index.ts";

/** Who may come in: one user, one database. */
export class Credentials {
  readonly #user: string;
  readonly #password: string;
  readonly #database: string;

  constructor(user: string, password: string, database: string) {
    this.#user = user;
    this.#password = password;
    this.#database = database;
  }

  connectionString(host: string): string {
    return `postgresql://${this.#user}:${encodeURIComponent(this.#password)}@${host}/${this.#database}`;
  }

  /** @returns why not */
  check(given: { readonly user: string; readonly password: string; readonly database: string }): SqlFault | undefined {
    if (given.user !== this.#user || given.password !== this.#password)
      return fatal("28P01", `password authentication failed for user "${given.user}"`);
    if (given.database !== this.#database) return fatal("3D000", `database "${given.database}" does not exist`);
    return undefined;
  }

  /** The same for a whole connection string. @throws SqlFault 08001 for one that cannot be read; it is never repeated */
  checkUrl(connectionString: string | null): SqlFault | undefined {
    if (connectionString === null || !URL.canParse(connectionString))
      return failed("08001", "invalid connection string: the Neon-Connection-String header must hold a URL");
    const { username, password, pathname } = new URL(connectionString);
    const [user, word, database] = [username, password, pathname.slice(1)].map(decodePercent) as [
      string,
      string,
      string,
    ];
    return this.check({ user, password: word, database: database || user });
  }
}
