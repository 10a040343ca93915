import { Attempt } from "../attempt.ts";
import { type CallContext } from "../call-context.ts";
import { type IntegrationError } from "../../core/index.ts";

export type Next = (call: CallContext) => Promise<unknown>;

/** A room around the whole call. It goes on with `next`: once, several times or not at all. */
export interface Stage {
  readonly name: string;
  run(call: CallContext, next: Next): Promise<unknown>;
}

/**
 * A room that every attempt passes. Both ways are plain calls, so that an attempt that need not wait costs no promise
 * per room.
 */
export interface Gate {
  readonly name: string;
  /** Lets the attempt in, at once or when the promise resolves. Throws (or rejects with) the refusal. */
  enter(attempt: Attempt): void | Promise<void>;
  /** The attempt that was let in has ended: well, or with `failure`. Must not throw. */
  leave?(attempt: Attempt, failure: IntegrationError | undefined): void;
}

/**
 * One function from the rooms of a call and the gates of its attempts, outermost first. No room knows its neighbours or
 * its position. Built once; a call then needs no closure of its own.
 */
export function compose(stages: readonly Stage[], gates: readonly Gate[]): Next {
  const attempt: Next = (call) => new Promise((resolve, reject) => new Attempt(call, gates, resolve, reject).go());
  return stages.reduceRight<Next>((next, stage) => (call) => stage.run(call, next), attempt);
}
