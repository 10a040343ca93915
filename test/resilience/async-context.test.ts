import { AsyncLocalStorage } from "node:async_hooks";
import { expect, it } from "vitest";
import { type AttemptContext } from "../../src/core/index.ts";
import { createPipeline } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

const user = new AsyncLocalStorage<string>();

/** Two users at once, each with a call whose first attempt never answers. @returns whom each attempt was made for */
async function attemptsFor(policy: object) {
  const clock = new ManualClock();
  const pipeline = createPipeline({ clock });
  const seen: string[] = [];
  const calls = ["ann", "bob"].map((name) =>
    user.run(name, () =>
      pipeline.run(
        { service: "crm", operation: "read", idempotent: true, ...policy },
        ({ attempt }: AttemptContext) => {
          seen.push(`${name}'s attempt ${attempt} by ${user.getStore()}`);
          return attempt === 1 ? new Promise(() => undefined) : Promise.resolve("answer");
        },
      ),
    ),
  );
  await clock.advance(10_000);
  await Promise.all(calls);
  return seen.sort();
}

const each = ["ann's attempt 1 by ann", "ann's attempt 2 by ann", "bob's attempt 1 by bob", "bob's attempt 2 by bob"];

it("a retry after a timeout runs in its own call's context, though one timer serves all calls", async () => {
  expect(await attemptsFor({ attemptTimeoutMs: 50 })).toEqual(each);
});

it("a hedge runs in its own call's context", async () => {
  expect(await attemptsFor({ hedge: { afterMs: 50 }, maxAttempts: 1 })).toEqual(each);
});
