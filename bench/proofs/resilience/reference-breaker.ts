import { type BreakerSettings } from "enhanced-integration/resilience";

export type Outcome = "success" | "failure" | "ignored";
export type Settings = Omit<BreakerSettings, "isFailure">;

/** The circuit breaker told naively: outcomes in a list that is recounted for each decision, shares in whole numbers. */
export class ReferenceBreaker {
  phase: "closed" | "ramping" | "open" | "half-open" | "isolated" = "closed";
  round = 0;
  opens = 0;
  since = 0;
  until = 0;
  probes = 0;
  passed = 0;
  credit = 0;
  log: { at: number; failed: boolean; slow: boolean }[] = [];
  readonly #settings: Settings;
  readonly #jitter: () => number;

  constructor(settings: Settings, jitter: () => number) {
    this.#settings = settings;
    this.#jitter = jitter;
  }

  /** What a call would meet now. */
  next(now: number): "pass" | "new round" | "end of ramp" | "refuse" {
    const { rampMs, halfOpenPermits, maxBreakMs } = this.#settings;
    if (this.phase === "closed") return "pass";
    if (this.phase === "isolated") return "refuse";
    if (this.phase === "open") return now >= this.until ? "new round" : "refuse";
    if (this.phase === "ramping") {
      if (now - this.since >= rampMs) return "end of ramp";
      return this.credit + this.#share(now) >= 8 * rampMs ? "pass" : "refuse";
    }
    if (this.probes + this.passed < halfOpenPermits) return "pass";
    return now - this.since >= maxBreakMs ? "new round" : "refuse";
  }

  /** @returns the round that the call belongs to; undefined if it is turned away */
  enter(now: number): number | undefined {
    const next = this.next(now);
    if (this.phase === "ramping" && next !== "end of ramp")
      this.credit += this.#share(now) - (next === "pass" ? 8 * this.#settings.rampMs : 0);
    if (next === "refuse") return undefined;
    if (next === "end of ramp") this.phase = "closed";
    if (next === "new round") {
      this.#begin("half-open", now);
      this.probes = this.passed = 0;
    }
    if (this.phase === "half-open") this.probes += 1;
    return this.round;
  }

  leave(round: number, outcome: Outcome, now: number, durationMs: number): void {
    if (round !== this.round) return;
    const slow = durationMs > this.#settings.slowCallMs;
    if (this.phase === "half-open") {
      this.probes -= 1;
      if (outcome === "failure" || (outcome === "success" && slow)) this.#open(this.opens + 1, now);
      else if (outcome === "success" && ++this.passed === this.#settings.halfOpenPermits) this.#recover(now);
    } else if (outcome !== "ignored") {
      this.log.push({ at: now, failed: outcome === "failure", slow });
      const healthy = this.phase === "closed" && now - this.since >= this.#settings.healthyMs;
      if (this.#trips(now)) this.#open(healthy ? 1 : this.opens + 1, now);
    }
  }

  isolate(now: number): void {
    if (this.phase !== "isolated") this.#begin("isolated", now);
    this.opens = 0;
  }

  close(now: number): void {
    this.#begin("closed", now);
    this.opens = 0;
    this.log = [];
  }

  /** The outcomes that count. */
  recent(now: number): { at: number; failed: boolean; slow: boolean }[] {
    const { windowMs, windowCalls } = this.#settings;
    if (windowCalls !== Infinity) return this.log.slice(-windowCalls).filter(({ at }) => now - at <= windowMs);
    return this.log.filter(({ at }) => this.#tenth(at) > this.#tenth(now) - 10);
  }

  /** Goes on from a snapshot in a process whose time is `shiftMs` ahead of ours; `now` is that process's. */
  move(shiftMs: number, now: number): void {
    const { windowMs, windowCalls } = this.#settings;
    const begin = (at: number) => (windowCalls === Infinity ? (this.#tenth(at) * windowMs) / 10 : at);
    this.log = this.recent(now - shiftMs).map((entry) => ({ ...entry, at: begin(entry.at) + shiftMs }));
    this.since += shiftMs;
    this.credit = 0;
    this.round += 1;
    if (this.phase !== "open" && this.phase !== "half-open") return;
    this.until = this.phase === "open" ? Math.max(now, this.until + shiftMs) : now;
    this.phase = "open";
    this.since = now;
  }

  #trips(now: number): boolean {
    const { minimumCalls, failureRatio, slowRatio } = this.#settings;
    const recent = this.recent(now);
    const share = (mark: "failed" | "slow") => recent.filter((entry) => entry[mark]).length;
    if (recent.length < minimumCalls) return false;
    return share("failed") >= failureRatio * recent.length || share("slow") >= slowRatio * recent.length;
  }

  #open(opens: number, now: number): void {
    const { breakMs, maxBreakMs } = this.#settings;
    this.#begin("open", now);
    this.opens = opens;
    let length = breakMs;
    for (let doubled = 1; doubled < opens && length < maxBreakMs; doubled += 1) length *= 2;
    this.until = now + Math.min(maxBreakMs, length) * (1 - 0.2 * this.#jitter());
  }

  #recover(now: number): void {
    this.#begin(this.#settings.rampMs > 0 ? "ramping" : "closed", now);
    this.credit = 8 * this.#settings.rampMs;
    this.log = [];
  }

  #begin(phase: ReferenceBreaker["phase"], now: number): void {
    this.phase = phase;
    this.since = now;
    this.round += 1;
  }

  /** What a call adds to the credit, in parts of which `8 * rampMs` make a whole. */
  #share(now: number): number {
    return Math.max(this.#settings.rampMs, 8 * (now - this.since));
  }

  #tenth(at: number): number {
    return Math.floor((at * 10) / this.#settings.windowMs);
  }
}
