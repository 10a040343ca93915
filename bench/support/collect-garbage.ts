import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Empties the heap of what nobody holds, so that no measurement pays for the rubbish of the one before. */
export const collectGarbage = runInNewContext("gc") as (options?: { type: "minor" }) => void;
