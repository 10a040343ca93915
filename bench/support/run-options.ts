import { availableParallelism, cpus, release } from "node:os";
import { parseArgs } from "node:util";

/** What every bench and proof can be told. */
export interface RunOptions {
  /** Fewer rounds and counts: under a minute. */
  readonly short: boolean;
  /** The last line is one JSON object. */
  readonly json: boolean;
  /** Only parts whose title contains this text. */
  readonly only: string | undefined;
  /** What the figures were measured on. */
  readonly machine: string;
}

export function readRunOptions(): RunOptions {
  const { values } = parseArgs({
    options: {
      short: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      only: { type: "string" },
    },
  });
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const machine = `Node ${process.version.slice(1)}, ${availableParallelism()} cores (${model}), ${process.platform} ${release()}`;
  return { short: values.short, json: values.json, only: values.only, machine };
}
