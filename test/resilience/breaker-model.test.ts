import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CircuitBreaker, REFUSED } from "../../src/resilience/circuit-breaker.ts";
import { type Outcome } from "../../src/resilience/breaker-step.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { always } from "./helpers.ts";

const settings = {
  failureRatio: 0.5,
  minimumCalls: 3,
  windowMs: 1_000,
  slowCallMs: 40,
  slowRatio: 0.6,
  halfOpenPermits: 2,
  breakMs: 300,
  maxBreakMs: 1_000,
};

interface Ticket {
  phase: number;
  startedAt: number;
}

/** The breaker told naively: a list of outcomes with their times, recounted for each decision. */
class ReferenceBreaker {
  state: "closed" | "open" | "half-open" | "isolated" = "closed";
  phase = 0;
  #log: { slice: number; failed: boolean; slow: boolean }[] = [];
  #opens = 0;
  #until = 0;
  #since = 0;
  #probes = 0;
  #passed = 0;

  enter(now: number): Ticket | undefined {
    if (this.state === "isolated") return undefined;
    const stale = this.state === "half-open" && this.#probes + this.#passed >= settings.halfOpenPermits;
    if (this.state === "open" ? now >= this.#until : stale && now - this.#since >= settings.maxBreakMs) {
      this.#to("half-open");
      this.#since = now;
      this.#probes = this.#passed = 0;
    } else if (this.state === "open" || stale) return undefined;
    if (this.state === "half-open") this.#probes += 1;
    return { phase: this.phase, startedAt: now };
  }

  leave(ticket: Ticket, outcome: Outcome, now: number): void {
    if (ticket.phase !== this.phase) return;
    const slow = now - ticket.startedAt > settings.slowCallMs;
    if (this.state === "half-open") {
      this.#probes -= 1;
      if (outcome === "failure" || (outcome === "success" && slow)) this.#open(now);
      else if (outcome === "success" && ++this.#passed === settings.halfOpenPermits) this.#close();
    } else if (this.state === "closed" && outcome !== "ignored") {
      const slice = Math.floor(now / 100);
      this.#log.push({ slice, failed: outcome === "failure", slow });
      const recent = this.#log.filter((entry) => entry.slice > slice - 10);
      const failed = recent.filter((entry) => entry.failed).length;
      const slowOnes = recent.filter((entry) => entry.slow).length;
      const enough = recent.length >= settings.minimumCalls;
      if (enough && (failed / recent.length >= 0.5 || slowOnes / recent.length >= 0.6)) this.#open(now);
    }
  }

  isolate(): void {
    if (this.state !== "isolated") this.#to("isolated");
  }

  close(): void {
    this.#close();
  }

  #open(now: number): void {
    this.#opens = this.state === "half-open" ? this.#opens + 1 : 1;
    this.#to("open");
    this.#until = now + Math.min(settings.maxBreakMs, settings.breakMs * 2 ** (this.#opens - 1));
  }

  #close(): void {
    this.#to("closed");
    this.#log = [];
  }

  #to(state: ReferenceBreaker["state"]): void {
    this.state = state;
    this.phase += 1;
  }
}

type Command =
  | { readonly do: "enter" }
  | { readonly do: "leave"; readonly which: number; readonly outcome: Outcome }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "isolate" }
  | { readonly do: "close" };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: "enter" as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("leave" as const),
      which: fc.nat(5),
      outcome: fc.constantFrom<Outcome>("success", "failure", "failure", "ignored"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 10, 41, 100, 299, 300, 1_000, 3_600_000),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ do: "isolate" as const }, { do: "close" as const }) },
);

describe("the circuit breaker against a naive model", () => {
  it("admits, refuses and changes state alike under any sequence of commands", async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 40, maxLength: 200 }), async (commands) => {
        const clock = new ManualClock();
        const breaker = new CircuitBreaker({ ...settings, clock, random: always(0) });
        const model = new ReferenceBreaker();
        const inFlight: { permit: number; ticket: Ticket }[] = [];
        for (const next of commands) {
          compared += 1;
          const now = clock.now();
          if (next.do === "wait") await clock.advance(next.ms);
          else if (next.do === "isolate" || next.do === "close") {
            breaker[next.do]();
            model[next.do]();
          } else if (next.do === "enter") {
            const permit = breaker.enter(now);
            const ticket = model.enter(now);
            expect(permit !== REFUSED).toBe(ticket !== undefined);
            if (ticket) inFlight.push({ permit, ticket });
          } else {
            const [call] = inFlight.splice(next.which % Math.max(1, inFlight.length), 1);
            if (!call) continue;
            breaker.leave(call.permit, next.outcome, now, now - call.ticket.startedAt);
            model.leave(call.ticket, next.outcome, now);
          }
          expect(breaker.snapshot().state).toBe(model.state);
        }
      }),
      { numRuns: 300 },
    );
    expect(compared).toBeGreaterThan(10_000);
  });
});
