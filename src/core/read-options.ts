import { hash } from "node:crypto";
import {
  type AttemptContext,
  type CacheRule,
  type CallMeta,
  type CallRunner,
  type CallSpec,
  type HedgeRule,
} from "./call.ts";

/** How one read is cached; its client makes the key, from all that the answer depends on. */
export type ReadCacheRule = Omit<CacheRule, "key" | "keepIf">;

/** What a caller may ask of one read. The runner has the cache and makes the hedges: {@link directRunner} does neither. */
export interface ReadOptions {
  /**
   * The answer may come from the runner's cache, and go into it. It is shared by those who ask the same of the same
   * service with the same credentials; each gets a copy. `true`: for the cache's own time. @defaultValue false
   */
  readonly cache?: boolean | ReadCacheRule | undefined;
  /**
   * A second attempt beside a slow first one. `true`: after the 0.95 quantile; `false`: never. @defaultValue the runner's
   */
  readonly hedge?: boolean | HedgeRule | undefined;
  /** Told how the answer came about: whether it was cached, or degraded and why. Not told of failures. */
  readonly onMeta?: ((meta: CallMeta) => void) | undefined;
}

/**
 * Runs a read as its caller asks.
 *
 * @param facts all that the answer depends on, credentials included: they are hashed
 * @param keepIf see {@link CacheRule}
 */
export async function runRead<T>(
  runner: CallRunner,
  spec: CallSpec,
  options: ReadOptions & { readonly facts: readonly unknown[]; readonly keepIf?: (answer: T) => boolean },
  attempt: (context: AttemptContext) => Promise<T>,
): Promise<T> {
  const { cache, hedge, onMeta, facts, keepIf } = options;
  const isCached = cache !== undefined && cache !== false;
  const asked: CallSpec = {
    ...spec,
    write: false,
    ...(hedge !== undefined && { hedge: hedge === true ? {} : hedge }),
    ...(isCached && {
      cache: {
        ...defined(cache === true ? {} : cache),
        key: hash("sha256", JSON.stringify(facts), "base64url"),
        ...(keepIf && { keepIf: keepIf as (answer: unknown) => boolean }),
      },
    }),
  };
  if (!onMeta || !runner.runWithMeta) {
    const answer = await runner.run(asked, attempt);
    return isCached ? structuredClone(answer) : answer;
  }
  const { value, meta } = await runner.runWithMeta(asked, attempt);
  onMeta(meta);
  return isCached ? structuredClone(value) : value;
}

function defined(rule: ReadCacheRule): ReadCacheRule {
  const { ttlMs, staleWhileRevalidateMs, staleIfErrorMs } = rule;
  return {
    ...(ttlMs !== undefined && { ttlMs }),
    ...(staleWhileRevalidateMs !== undefined && { staleWhileRevalidateMs }),
    ...(staleIfErrorMs !== undefined && { staleIfErrorMs }),
  };
}
