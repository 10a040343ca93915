/** The part of bottleneck that we use; the package ships no types for it. */
declare module "bottleneck/lib/Queues.js" {
  interface List<J> {
    readonly length: number;
    shift(): J | undefined;
    first(): J | undefined;
  }
  export default class Queues<J extends { readonly options: { readonly priority: number } }> {
    constructor(priorities: number);
    push(job: J): void;
    queued(priority?: number): number;
    getFirst(): List<J> | readonly [];
    shiftAll(fn: (job: J) => void): void;
    readonly _lists: readonly List<J>[];
  }
}
