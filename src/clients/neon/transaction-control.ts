import { statementFacts, withoutLiterals } from "./statement-facts.ts";

/** `other`: it also says how the transaction shall be, or is a rarer form, which no savepoint can stand for. */
export type TransactionControl = "begin" | "commit" | "rollback" | "other";

const plain: Readonly<Record<string, TransactionControl>> = {
  begin: "begin",
  "begin transaction": "begin",
  "begin work": "begin",
  "start transaction": "begin",
  commit: "commit",
  "commit transaction": "commit",
  "commit work": "commit",
  end: "commit",
  rollback: "rollback",
  "rollback transaction": "rollback",
  "rollback work": "rollback",
  abort: "rollback",
};

/** Whether a statement begins or ends a transaction. Savepoints are the transaction's own matter: `undefined`. */
export function controlOf(text: string): TransactionControl | undefined {
  return controlOfBare(statementFacts(text).bare);
}

/** The first statement of several that begins or ends a transaction, as it is written. */
export function controlAmong(text: string): string | undefined {
  const bare = withoutLiterals(text);
  let bodies = bare.match(/\bbegin\s+atomic\b/gi)?.length ?? 0; // of SQL functions: each has an END of its own
  for (const statement of bare.split(";")) {
    const written = statement.trim();
    if (/^end$/i.test(written) && bodies-- > 0) continue;
    if (controlOfBare(written) !== undefined) return written;
  }
  return undefined;
}

function controlOfBare(bare: string): TransactionControl | undefined {
  const words = bare
    .replace(/[\s;]+/g, " ")
    .trim()
    .toLowerCase();
  if (Object.hasOwn(plain, words)) return plain[words];
  if (/^(rollback|abort)( work| transaction)? to /.test(words)) return undefined;
  return /^(begin|start|commit|end|abort|rollback|prepare transaction)\b/.test(words) ? "other" : undefined;
}
