import { IntegrationError } from "../../core/index.ts";
import { type Bulkhead } from "../bulkhead.ts";
import { type CallContext } from "../call-context.ts";
import { type Next, type Stage } from "./stage.ts";

/**
 * At most so many attempts in flight: per service, and in the whole process. The service's permit comes first, so that
 * those who wait for a busy service do not hold the process's permits.
 */
export function concurrencyStage(process: Bulkhead): Stage {
  return {
    name: "concurrency",

    run(context: CallContext, next: Next): Promise<unknown> {
      const { bulkhead } = context.service;
      const inProcess = process.max === Infinity ? next : (inner: CallContext) => within(process, inner, next);
      return bulkhead.max === Infinity ? inProcess(context) : within(bulkhead, context, inProcess);
    },
  };
}

async function within(bulkhead: Bulkhead, context: CallContext, next: Next): Promise<unknown> {
  if (!bulkhead.tryEnter()) await wait(bulkhead, context);
  try {
    return await next(context);
  } finally {
    bulkhead.leave();
  }
}

async function wait(bulkhead: Bulkhead, context: CallContext): Promise<void> {
  const priority = context.spec.priority ?? context.scope?.priority ?? "normal";
  try {
    await context.waiting("concurrency", () => bulkhead.enter(context.signal, priority));
  } catch (thrown) {
    throw IntegrationError.isInstance(thrown) ? context.refused("concurrency", thrown) : thrown;
  }
}
