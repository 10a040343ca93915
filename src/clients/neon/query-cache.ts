import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { type CacheRule } from "../../core/index.ts";
import { invalid, type QueryCacheOptions, type QueryOptions } from "./neon-options.ts";
import { type Statement } from "./sql.ts";
import { statementFacts, withoutLiterals } from "./statement-facts.ts";

export const queryCacheDefaults = { ttlMs: 60_000, staleIfErrorMs: 300_000 } as const;

/**
 * Which reads share an answer. Nothing is stored here: the runner's cache keeps answers by key, and a write changes the
 * keys of all reads that it may have made wrong. So what was read before a write is never given after it, not even to
 * calls that were under way.
 */
export class QueryCache {
  readonly #options: QueryCacheOptions | false;
  readonly #identity: string;
  readonly #words = new LRUCache<string, readonly string[]>({ max: 500 });
  /** How often each name was written. */
  readonly #writes = new Map<string, number>();
  #writesAnywhere = 0;
  #used = false;

  /** @param identity whose database it is: clients of several may share a runner */
  constructor(options: QueryCacheOptions | false, identity: string) {
    this.#options = options;
    this.#identity = identity;
  }

  /** The runner's rule for a read that asks to be cached. */
  rule(statement: Statement, wanted: QueryOptions["cache"]): CacheRule | undefined {
    if (this.#options === false || wanted === undefined || wanted === false) return undefined;
    const { tags = [], ...own } = wanted === true ? {} : wanted;
    const params = textOf(statement.params);
    if (params === undefined) return undefined;
    this.#used = true;
    const names = new Set([...this.#wordsOf(statement.text), ...tags.map((tag) => tag.toLowerCase())]);
    const versions = [...names]
      .filter((name) => this.#writes.has(name))
      .map((name) => `${name}=${this.#writes.get(name)}`);
    const facts = [this.#identity, statement.text, params, String(this.#writesAnywhere), ...versions.sort()];
    const key = createHash("sha256").update(facts.join("\0")).digest("base64url");
    return { ...queryCacheDefaults, ...defined(this.#options), ...defined(own), key };
  }

  /** After a statement that may have changed something, whatever came of it. */
  wrote(text: string): void {
    if (!this.#used) return;
    const targets = targetsOf(text);
    if (targets) this.forget(targets);
    else this.#writesAnywhere += 1;
  }

  /** Forgets reads that name one of these tables or tags; all of them without any. */
  forget(names: readonly string[]): void {
    if (names.length === 0) this.#writesAnywhere += 1;
    for (const name of names) {
      const lower = name.toLowerCase();
      this.#writes.set(lower, (this.#writes.get(lower) ?? 0) + 1);
    }
  }

  #wordsOf(text: string): readonly string[] {
    const known = this.#words.get(text);
    if (known) return known;
    const words = [
      ...new Set(
        withoutLiterals(text)
          .toLowerCase()
          .match(/[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/g),
      ),
    ];
    this.#words.set(text, words);
    return words;
  }
}

/** The tables that a statement names as changed; undefined where that cannot be told from its text. */
function targetsOf(text: string): string[] | undefined {
  const { bare } = statementFacts(text);
  if (!/^\s*(insert|update|delete|merge|copy|with)\b/i.test(bare)) return undefined;
  const found = withoutLiterals(text).matchAll(
    /\b(?:into|update|delete\s+from|copy)\s+(?:only\s+)?(?:[\w$\u0080-\uffff]+\s*\.\s*)?([\w$\u0080-\uffff]+)/gi,
  );
  const targets = [...found].map(([, name]) => name!);
  return targets.length === 0 ? undefined : targets;
}

/** Different for different parameters; undefined for those whose text is their own affair. */
function textOf(params: readonly unknown[]): string | undefined {
  let isOpaque = false;
  try {
    const text = JSON.stringify(params, (_key, value: unknown) => {
      if (typeof value === "bigint") return { bigint: String(value) };
      if (typeof value === "number" && !Number.isFinite(value)) return { number: String(value) };
      if (ArrayBuffer.isView(value))
        return { bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
      if (typeof (value as { toPostgres?: unknown } | null | undefined)?.toPostgres === "function") isOpaque = true;
      return value;
    });
    return isOpaque ? undefined : text;
  } catch {
    return undefined; // circular: the driver will say so
  }
}

function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** @throws IntegrationError INVALID_INPUT for a time that is none */
export function checkQueryCache(options: QueryCacheOptions | false): void {
  if (options === false) return;
  for (const name of ["ttlMs", "staleIfErrorMs"] as const) {
    const value = options[name];
    if (value !== undefined && !(value >= 0)) throw invalid(`queryCache.${name} must be at least 0 ms, got ${value}`);
  }
}
