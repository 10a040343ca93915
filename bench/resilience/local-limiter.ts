import { MemoryStore, type Options } from "express-rate-limit";
import { RateLimiter as TokenLimiter } from "limiter";
import { RateLimiter } from "enhanced-integration/resilience";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { type Effort, measure } from "../support/measure.ts";
import { type Figure } from "../support/report.ts";
import { printTimings } from "../support/timing-rows.ts";
import { HandBucket } from "./hand/bucket.ts";

const WIDE = 1_000_000_000;
const KEY = "user-1";
const KEYS = Array.from({ length: 100_000 }, (_, index) => `user-${index}`);
/** A prime stride visits all keys in an order that no cache line foresees. */
const keyOf = (index: number) => KEYS[(index * 7_919) % KEYS.length] as string;

/** What a decision costs in this process: allowed and denied on a hot key, and over many keys. */
export async function localLimiter(effort: Effort): Promise<Figure[]> {
  const limits = new RateLimiter({
    limits: {
      wide: { requests: WIDE, windowMs: 1_000 },
      spent: { requests: 1, windowMs: 86_400_000 },
    },
  });
  limits.check("spent", KEY);
  const hand = new HandBucket(WIDE, WIDE / 1_000);
  const spentHand = new HandBucket(1, 1 / 86_400_000);
  const flexible = new RateLimiterMemory({ points: WIDE, duration: 15 });
  const spentFlexible = new RateLimiterMemory({ points: 1, duration: 86_400 });
  const store = new MemoryStore();
  store.init({ windowMs: 15_000 } as Options);
  const tokens = new TokenLimiter({ tokensPerInterval: WIDE, interval: 1_000 });

  const timings = await measure(
    [
      { name: "hand bucket", run: () => hand.tryTake(KEY) },
      { name: "hand bucket, denied", run: () => spentHand.tryTake(KEY) },
      { name: "hand bucket, 100,000 keys", run: (index) => hand.tryTake(keyOf(index)) },
      { name: "ours: check", run: () => limits.check("wide", KEY).allowed },
      { name: "ours: check, denied", run: () => limits.check("spent", KEY).allowed },
      { name: "ours: check, 100,000 keys", run: (index) => limits.check("wide", keyOf(index)).allowed },
      { name: "ours: checkAsync", run: () => limits.checkAsync("wide", KEY) },
      { name: "rate-limiter-flexible", run: () => flexible.consume(KEY) },
      { name: "rate-limiter-flexible, denied", run: () => spentFlexible.consume(KEY).catch(deniedByFlexible) },
      { name: "express-rate-limit MemoryStore", run: () => store.increment(KEY) },
      { name: "limiter (one bucket, no keys)", run: () => tokens.tryRemoveTokens(1) },
    ],
    effort,
  );
  store.shutdown();
  printTimings(timings, "hand bucket");
  if (limits.check("spent", KEY).allowed || spentHand.tryTake(KEY)) throw new Error("a spent bucket must deny");

  const ratio = timings.ratio.bind(timings);
  return [
    { name: "check / hand bucket", value: ratio("ours: check", "hand bucket"), unit: "×", atMost: 1.3 },
    {
      name: "a denial / an allow",
      value: ratio("ours: check, denied", "ours: check"),
      unit: "×",
      atMost: 1.1,
      note: "no dearer, within the noise",
    },
    {
      name: "check / rate-limiter-flexible",
      value: ratio("ours: check", "rate-limiter-flexible"),
      unit: "×",
      atMost: 1 / 3,
    },
    { name: "check / express-rate-limit", value: ratio("ours: check", "express-rate-limit MemoryStore"), unit: "×" },
    {
      name: "check / hand bucket, 100,000 keys",
      value: ratio("ours: check, 100,000 keys", "hand bucket, 100,000 keys"),
      unit: "×",
    },
  ];
}

const deniedByFlexible = () => false;
