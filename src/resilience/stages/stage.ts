import { type CallContext } from "../call-context.ts";

export type Next = (context: CallContext) => Promise<unknown>;

/** One room of the pipeline. It knows neither its neighbours nor its position. */
export interface Stage {
  readonly name: string;
  run(context: CallContext, next: Next): Promise<unknown>;
}

/** One function from a list of stages, outermost first. Built once; a call then needs no closure of its own. */
export function compose(stages: readonly Stage[], innermost: Next): Next {
  return stages.reduceRight<Next>((next, stage) => (context) => stage.run(context, next), innermost);
}
