import { describeThrown } from "../../core/index.ts";

type Numbered = (scriptOrSha: string, keyCount: number, ...keysAndArguments: string[]) => Promise<unknown>;
type Named = (scriptOrSha: string, options: { keys: string[]; arguments: string[] }) => Promise<unknown>;

/** What is called of ioredis 5 and 6, `Redis` and `Cluster`. */
export interface IoredisLike {
  readonly evalsha: Numbered;
  readonly eval: Numbered;
}

/** What is called of node-redis 4 and above, client and cluster. */
export interface NodeRedisLike {
  readonly evalSha: Named;
  readonly eval: Named;
}

/** A ready client of either library. Whoever made it connects it, listens to its errors and closes it. */
export type RedisClientLike = IoredisLike | NodeRedisLike;

/** Runs a script by its digest, and sends its text where the server does not know it (first use, restart, SCRIPT FLUSH). */
export type RunScript = (keys: string[], args: string[]) => Promise<unknown>;

export function isRedisClient(client: unknown): client is RedisClientLike {
  const { evalsha, evalSha, eval: evaluate } = (client ?? {}) as Record<string, unknown>;
  return typeof evaluate === "function" && (typeof evalsha === "function" || typeof evalSha === "function");
}

/** True for a client of Redis Cluster, where the keys of one script must share a slot. */
export function isCluster(client: RedisClientLike): boolean {
  const { isCluster, nodeClient } = client as { isCluster?: unknown; nodeClient?: unknown };
  return isCluster === true || typeof nodeClient === "function";
}

export function scriptRunner(client: RedisClientLike, script: string, sha: string): RunScript {
  const [bySha, byText]: [RunScript, RunScript] =
    "evalSha" in client
      ? [
          (keys, args) => client.evalSha(sha, { keys, arguments: args }),
          (keys, args) => client.eval(script, { keys, arguments: args }),
        ]
      : [
          (keys, args) => client.evalsha(sha, keys.length, ...keys, ...args),
          (keys, args) => client.eval(script, keys.length, ...keys, ...args),
        ];
  return async (keys, args) => {
    try {
      return await bySha(keys, args);
    } catch (thrown) {
      if (!describeThrown(thrown).startsWith("NOSCRIPT")) throw thrown;
      return byText(keys, args);
    }
  };
}
