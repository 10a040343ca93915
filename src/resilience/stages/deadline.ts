import { type CallContext } from "../call-context.ts";
import { type Next, type Stage } from "./stage.ts";

/** The call ends by its deadline and at the caller's wish, whatever the rooms inside are doing. */
export const deadlineStage: Stage = {
  name: "deadline",

  async run(context: CallContext, next: Next): Promise<unknown> {
    const { spec, scope, around } = context;
    const unfollow = follow(context, spec.signal);
    const unfollowScope = scope?.signal === spec.signal ? undefined : follow(context, scope?.signal);
    try {
      if (context.deadlineAt <= context.now) context.expire();
      if (context.cancelled) throw context.refused("deadline", context.cancelled);
      around.deadlines.add(context, context.now);
      return await next(context);
    } finally {
      around.deadlines.remove(context);
      unfollow?.();
      unfollowScope?.();
    }
  },
};

function follow(context: CallContext, signal: AbortSignal | undefined): (() => void) | undefined {
  if (!signal) return undefined;
  const onAbort = () => context.abort(signal.reason);
  if (signal.aborted) {
    onAbort();
    return undefined;
  }
  signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}
