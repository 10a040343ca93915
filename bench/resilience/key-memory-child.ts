// Fills one store with keys and prints what they take. Started by key-memory.ts, one process per store.
import { setImmediate as nextTurn } from "node:timers/promises";
import { MemoryStore, type Options } from "express-rate-limit";
import { RateLimiter as TokenLimiter } from "limiter";
import { MemoryLimitStore, RateLimiter } from "enhanced-integration/resilience";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { collectGarbage } from "../support/collect-garbage.ts";
import { HandBucket } from "./hand/bucket.ts";

export type KeyStoreName = "ours" | "hand bucket" | "limiter" | "express-rate-limit" | "rate-limiter-flexible";

export interface KeyMemory {
  readonly fullMiB: number;
  /** After as many other keys, which come when the first ones no longer count; only where time can be moved by hand. */
  readonly refilledMiB?: number;
  readonly keysAtEnd?: number;
}

const WINDOW_MS = 3_600_000;
const LIMIT = 100;

interface Subject {
  touch(key: string): unknown;
  /** Moves the store's time past the window. */
  pass?(): void;
  readonly size?: number;
}

const subjects: Readonly<Record<KeyStoreName, () => Subject>> = {
  ours() {
    let now = 0;
    const clock = { now: () => now, wallNow: () => now, setTimer: () => ({ cancel: () => undefined }) };
    const store = new MemoryLimitStore({ clock });
    const limits = new RateLimiter({ clock, store, limits: { search: { requests: LIMIT, windowMs: WINDOW_MS } } });
    return {
      touch: (key) => limits.check("search", key),
      pass: () => void (now += 2 * WINDOW_MS),
      get size() {
        return store.size;
      },
    };
  },
  "hand bucket"() {
    const bucket = new HandBucket(LIMIT, LIMIT / WINDOW_MS);
    return { touch: (key) => bucket.tryTake(key) };
  },
  limiter() {
    const byKey = new Map<string, TokenLimiter>();
    return {
      touch(key) {
        const limiter = new TokenLimiter({ tokensPerInterval: LIMIT, interval: WINDOW_MS });
        limiter.tryRemoveTokens(1);
        byKey.set(key, limiter);
      },
    };
  },
  "express-rate-limit"() {
    const store = new MemoryStore();
    store.init({ windowMs: WINDOW_MS } as Options);
    return { touch: (key) => store.increment(key) };
  },
  "rate-limiter-flexible"() {
    const limiter = new RateLimiterMemory({ points: LIMIT, duration: WINDOW_MS / 1_000 });
    return { touch: (key) => limiter.consume(key) };
  },
};

if (import.meta.main) {
  const [store, count] = process.argv.slice(2);
  // Made before and held to the end, so that they count on neither side.
  const users = keysOf("user", Number(count));
  const guests = keysOf("guest", Number(count));
  const subject = subjects[store as KeyStoreName]();
  const emptyMiB = await usedMiB();
  await fill(subject, users);
  let memory: KeyMemory = { fullMiB: (await usedMiB()) - emptyMiB };
  if (subject.pass) {
    subject.pass();
    await fill(subject, guests);
    memory = { ...memory, refilledMiB: (await usedMiB()) - emptyMiB, keysAtEnd: subject.size ?? NaN };
  }
  console.log(JSON.stringify(memory));
  if (users.length + guests.length !== 2 * Number(count)) throw new Error("the keys must outlive the measurement");
  // Some stores leave a timer per key behind, which would hold the process for an hour.
  process.exit(0);
}

/** Strings of their own memory: a concatenated one would still be a pair of parts. */
function keysOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(`${prefix}-${index}`).toString("latin1"));
}

async function fill(subject: Subject, keys: readonly string[]): Promise<void> {
  for (const key of keys) await subject.touch(key);
}

/** Of the heap and of typed arrays beside it, after everything that can go has gone. */
async function usedMiB(): Promise<number> {
  for (let pass = 0; pass < 3; pass += 1) {
    await nextTurn();
    collectGarbage();
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
