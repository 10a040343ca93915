import { parseArgs } from "node:util";

export const usage = `Usage: npm run demo -- [--rows N] [--data FILE] [--data-dir DIR] [--fresh] [--json]
  --rows N        only the first N houses of the file (default: all; the sample has 2,000)
  --data FILE     a CSV with the sample's columns (default: data/king-county-sample.csv)
  --data-dir DIR  where database, users and files are kept; a run goes on where the last one stopped (default: .local-stack/demo)
  --fresh         empties that folder first
  --json          one JSON object instead of bars and tables; what else is to be said goes to stderr`;

/** Something that the person at the keyboard can mend. */
export class InputError extends Error {}

export interface Options {
  readonly rows: number | undefined;
  readonly data: string | undefined;
  readonly dataDir: string | undefined;
  readonly fresh: boolean;
  readonly json: boolean;
}

/** @throws InputError in one line */
export function readOptions(args: readonly string[]): Options | "help" {
  const values = parse(args);
  if (values.help) return "help";
  const rows = values.rows === undefined ? undefined : Number(values.rows);
  if (rows !== undefined && (!Number.isInteger(rows) || rows < 1))
    throw new InputError(`--rows must be a whole number of 1 or more, but is "${values.rows}"`);
  return { rows, data: values.data, dataDir: values["data-dir"], fresh: values.fresh, json: values.json };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rows: { type: "string" },
        data: { type: "string" },
        "data-dir": { type: "string" },
        fresh: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    const [problem] = (error as Error).message.split(/\.\s|\n/);
    throw new InputError(`${problem!.replace(/\.$/, "")}; --help names the options`, { cause: error });
  }
}
