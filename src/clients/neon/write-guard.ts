import { type AttemptContext, type CallRunner, type CallSpec } from "../../core/index.ts";
import { type ConnectionPoolManager } from "../connection-pool-manager.ts";

/**
 * Refuses writes with READ_ONLY while the pool knows that the database takes none. Only before the first attempt: who
 * is under way when the database fails goes on trying until the deadline.
 */
export function guardWrites(runner: CallRunner, pools: ConnectionPoolManager): CallRunner {
  const guarded = <T>({ write }: CallSpec, attempt: (context: AttemptContext) => Promise<T>) =>
    write === true
      ? (context: AttemptContext) => {
          if (context.attempt === 1) pools.assertWritable();
          return attempt(context);
        }
      : attempt;
  return {
    run: (spec, attempt) => runner.run(spec, guarded(spec, attempt)),
    ...(runner.runWithMeta && {
      runWithMeta: (spec, attempt) => runner.runWithMeta!(spec, guarded(spec, attempt)),
    }),
    stream: (spec, attempt) => runner.stream(spec, attempt),
    ...(runner.redact && { redact: runner.redact }),
  };
}
