import { type IntegrationError } from "../../core/index.ts";
import { Attempt } from "../attempt.ts";
import { type CallContext } from "../call-context.ts";

/**
 * Where an answer goes. Rooms hand on by it rather than by a promise each: a call that succeeds at once waits for
 * nothing but its work, and pays for one promise.
 */
export interface Ending {
  done(value: unknown): void;
  failed(error: IntegrationError): void;
}

/** Goes on inwards; exactly one of the ending's two is called, once. Does not throw. */
export type Next = (call: CallContext, ending: Ending) => void;

/** A room around the whole call. It goes on with `next`: once, several times or not at all. */
export interface Stage {
  readonly name: string;
  /** The way through this room and on. A function of each room's own: the compiler then sees the whole way as one. */
  around(next: Next): Next;
}

/** A room that every attempt passes. Each kind is a class: the compiler tells them apart by it, and inlines them. */
export interface Gate {
  readonly name: string;
  /** Lets the attempt in, at once (undefined) or when the promise resolves; or gives (or rejects with) the refusal. */
  enter(attempt: Attempt): Promise<void> | IntegrationError | undefined;
  /** While this is true nobody is held up here, and attempts that begin walk past. */
  readonly idle?: boolean;
  /** The attempt that was let in has ended: well, or with `failure`. */
  leave?(attempt: Attempt, failure: IntegrationError | undefined): void;
}

/**
 * One function from the rooms of a call and the gates of its attempts, outermost first. No room knows its neighbours or
 * its position. Built once; a call then needs no closure of its own. At most one gate may be idle.
 */
export function compose(stages: readonly Stage[], gates: readonly Gate[]): Next {
  const sleeper = gates.find((gate) => "idle" in gate);
  const awake = gates.filter((gate) => gate !== sleeper);
  const attempt: Next = (call, ending) => new Attempt(call, sleeper?.idle === false ? gates : awake, ending).go();
  return stages.reduceRight<Next>((next, stage) => stage.around(next), attempt);
}

/** The way inwards as a promise, for rooms that wait for the answer anyway. */
export function promised(call: CallContext, next: Next): Promise<unknown> {
  return new Promise((resolve, reject) => next(call, { done: resolve, failed: reject }));
}
