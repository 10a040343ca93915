import { type Frame, failed, server } from "../../wire/index.ts";
import { isCopyFromStdin } from "../../sql/statements.ts";
import { type Turn } from "../engine.ts";
import { copyIn, type QueryGroup, type QueryGroups } from "./query-group.ts";

type Run = (group: QueryGroup, write: (bytes: Buffer) => void) => Promise<void>;

/** Makes turns of a client's messages. The rows of a COPY are collected first: PGlite ends for good when it must wait for them. */
export class ClientTurns {
  readonly #groups: QueryGroups;
  readonly #run: Run;
  #copy: { readonly sql: string; readonly parts: Buffer[] } | undefined;

  constructor(groups: QueryGroups, run: Run) {
    this.#groups = groups;
    this.#run = run;
  }

  /** @throws SqlFault 08P01 for what no client of the protocol sends */
  receive(message: Frame): Turn | undefined {
    if (this.#copy) return this.#copyMore(this.#copy, message);
    const group = this.#groups.add(message);
    if (!group) return undefined;
    const [sql] = group.sql;
    if (message.kind !== "Q" || sql === undefined || !isCopyFromStdin(sql)) return this.of(group);
    this.#copy = { sql, parts: [message.bytes] };
    return { sql: undefined, isComplete: true, run: async (write) => write(server.copyInRequest()) };
  }

  of(group: QueryGroup): Turn {
    return { sql: group.sql[0], isComplete: group.isComplete, run: (write) => this.#run(group, write) };
  }

  #copyMore(copy: { readonly sql: string; readonly parts: Buffer[] }, { kind, bytes }: Frame): Turn | undefined {
    if (kind === "S" || kind === "H") return undefined; // to be ignored among the rows
    if (kind !== "d" && kind !== "c" && kind !== "f")
      throw failed("08P01", `unexpected message type ${kind.charCodeAt(0)} during COPY from stdin`);
    copy.parts.push(bytes);
    if (kind === "d") return undefined;
    this.#copy = undefined;
    return this.of(copyIn(copy.sql, copy.parts));
  }
}
