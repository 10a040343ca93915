import { statementFacts } from "./statement-facts.ts";

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
  const { bare } = statementFacts(text);
  const words = bare
    .replace(/[\s;]+/g, " ")
    .trim()
    .toLowerCase();
  if (Object.hasOwn(plain, words)) return plain[words];
  if (/^(rollback|abort)( work| transaction)? to /.test(words)) return undefined;
  return /^(begin|start|commit|end|abort|rollback|prepare transaction)\b/.test(words) ? "other" : undefined;
}
