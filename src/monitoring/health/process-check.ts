import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { type Clock, checkNumbers } from "../../core/index.ts";
import { type CheckFinding } from "./health-check.ts";

/** When the process itself should get no more traffic. */
export interface ProcessCheckOptions {
  /**
   * The event loop's lag that 99 of 100 readings stay below, ms, over the last 10 to 20 seconds; 10 to 60,000. 200 is
   * where people notice. @defaultValue none: lag makes nobody unready
   */
  readonly maxEventLoopLagMs?: number | undefined;
  /**
   * Part of the heap's limit (`--max-old-space-size`) that may be in use, above 0 to 1. Measured before a collection: stay
   * above 0.8. @defaultValue none: a full heap makes nobody unready
   */
  readonly maxHeapRatio?: number | undefined;
}

/** What the process tells of itself. */
export interface ProcessReadings {
  /** The 99th percentile of the event loop's lag since the last {@link reset}, ms. */
  lagP99Ms(): number;
  reset(): void;
  /** Used heap by its limit. */
  heapRatio(): number;
}

const ranges = { maxEventLoopLagMs: { min: 10, max: 60_000 }, maxHeapRatio: { min: 0.01, max: 1 } };

const WINDOW_MS = 10_000;
/** How often Node looks at its event loop, ms; what it measures includes this pause. */
const RESOLUTION_MS = 10;

/** Node's own; begins to measure when first asked. */
export function nodeReadings(): ProcessReadings {
  let delay: IntervalHistogram | undefined;
  const histogram = () => {
    if (!delay) (delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })).enable();
    return delay;
  };
  return {
    // An empty histogram says 0 or its own largest value, depending on Node's version.
    lagP99Ms: () => (histogram().count === 0 ? 0 : Math.max(0, histogram().percentile(99) / 1e6 - RESOLUTION_MS)),
    reset: () => histogram().reset(),
    heapRatio: () => process.memoryUsage().heapUsed / getHeapStatistics().heap_size_limit,
  };
}

/** Whether this process can take more, by its event loop and its heap. Asks nobody else. */
export class ProcessCheck {
  readonly #options: ProcessCheckOptions;
  readonly #clock: Clock;
  readonly #readings: ProcessReadings;
  #since: number | undefined;
  /** Of the window before this one: right after a reset nothing is known yet. */
  #lastLagMs = 0;

  /** @throws IntegrationError INVALID_INPUT for options out of range */
  constructor(options: ProcessCheckOptions, clock: Clock, readings: ProcessReadings = nodeReadings()) {
    // What is not given is checked as a bound that is legal, and never reached.
    const { maxEventLoopLagMs = ranges.maxEventLoopLagMs.max, maxHeapRatio = ranges.maxHeapRatio.max } = options;
    checkNumbers("Health check process", { maxEventLoopLagMs, maxHeapRatio }, ranges);
    this.#options = options;
    this.#clock = clock;
    this.#readings = readings;
  }

  finding(): CheckFinding {
    const { maxEventLoopLagMs = Infinity, maxHeapRatio = Infinity } = this.#options;
    const lagMs = this.#lag();
    if (lagMs > maxEventLoopLagMs)
      return {
        status: "down",
        reason: "EVENT_LOOP_LAG",
        message: `the event loop lags by ${Math.round(lagMs)} ms (99th percentile), more than ${maxEventLoopLagMs} ms`,
      };
    const heapRatio = this.#readings.heapRatio();
    if (heapRatio > maxHeapRatio)
      return {
        status: "down",
        reason: "HEAP_FULL",
        message: `${Math.round(heapRatio * 100)} % of the heap's limit are in use, more than ${Math.round(maxHeapRatio * 100)} %`,
      };
    return { status: "up" };
  }

  #lag(): number {
    const now = this.#clock.now();
    const lagMs = this.#readings.lagP99Ms();
    const worst = Math.max(lagMs, this.#lastLagMs);
    this.#since ??= now;
    if (now - this.#since >= WINDOW_MS) {
      // What nobody asked for in time is no recent window.
      this.#lastLagMs = now - this.#since < 3 * WINDOW_MS ? lagMs : 0;
      this.#since = now;
      this.#readings.reset();
    }
    return worst;
  }
}
