import {
  type Clock,
  IntegrationError,
  type Random,
  type Redact,
  systemClock,
  systemRandom,
  checkNumbers,
} from "../../core/index.ts";
import { Repeater } from "../repeater.ts";
import { type CheckRequest, HealthCheck, type HealthCheckOptions } from "./health-check.ts";
import { type CheckReport, type HealthReport, overallStatus, type ReadinessReport } from "./health-report.ts";
import { PassiveCheck, type PassiveCheckOptions } from "./passive-check.ts";

const defaults = { critical: true, timeoutMs: 3_000, cacheMs: 1_000 };
const ranges = { timeoutMs: { min: 1, max: 300_000 }, cacheMs: { min: 0, max: 86_400_000 } };

const passiveDefaults = { critical: true, failuresUntilDown: 3, staleMs: 60_000 };
const passiveRanges = {
  failuresUntilDown: { min: 1, max: 1_000, integer: true },
  staleMs: { min: 1_000, max: 86_400_000 },
};

/**
 * Named checks, each under its own deadline, all at the same time. Liveness, readiness and health are three questions.
 *
 * @example
 * const health = new HealthRegistry();
 * health.add("search", { critical: false, timeoutMs: 500, run: (signal) => search.ping({ signal }) });
 * const { status, checks } = await health.report();
 */
export class HealthRegistry {
  readonly #clock: Clock;
  readonly #redact: Redact;
  readonly #checks = new Map<string, HealthCheck>();
  readonly #background: Repeater;
  #unreadyReason: string | undefined;

  /** @param options `redact` takes secrets out of what checks say. @defaultValue nothing is taken out */
  constructor(
    options: {
      readonly clock?: Clock | undefined;
      readonly random?: Random | undefined;
      readonly redact?: Redact | undefined;
    } = {},
  ) {
    this.#clock = options.clock ?? systemClock;
    this.#redact = options.redact ?? ((text) => text);
    this.#background = new Repeater({
      clock: this.#clock,
      random: options.random ?? systemRandom,
      task: async () => void (await this.#run([...this.#checks.values()], { background: true })),
    });
  }

  /**
   * @returns a function that removes the check
   * @throws IntegrationError INVALID_INPUT for options out of range; CONFLICT when the name is taken
   */
  add(name: string, options: HealthCheckOptions): () => void {
    const { critical = defaults.critical, timeoutMs = defaults.timeoutMs, cacheMs = defaults.cacheMs } = options;
    checkNumbers(`Health check ${name}`, { timeoutMs, cacheMs }, ranges);
    const run = options.run.bind(options);
    return this.#add(new HealthCheck(name, { critical, timeoutMs, cacheMs, run }, this.#clock, this.#redact));
  }

  /**
   * A check that runs nothing: real traffic tells it how the service does, see {@link feedFromCalls}.
   * @throws IntegrationError INVALID_INPUT for options out of range; CONFLICT when the name is taken
   */
  addPassive(name: string, options: PassiveCheckOptions = {}): PassiveCheck {
    const {
      critical = passiveDefaults.critical,
      failuresUntilDown = passiveDefaults.failuresUntilDown,
      staleMs = passiveDefaults.staleMs,
    } = options;
    checkNumbers(`Health check ${name}`, { failuresUntilDown, staleMs }, passiveRanges);
    const passive = new PassiveCheck({ clock: this.#clock, failuresUntilDown, staleMs });
    const run = () => passive.finding();
    this.#add(
      new HealthCheck(name, { critical, timeoutMs: defaults.timeoutMs, cacheMs: 0, run }, this.#clock, this.#redact),
    );
    return passive;
  }

  /** All checks. Ready after the slowest check's deadline at the latest; never rejects. */
  async report(): Promise<HealthReport> {
    return this.#run([...this.#checks.values()]);
  }

  /** Is the process itself alive? Touches no dependency, so that an outage elsewhere restarts nobody. */
  live(): { readonly status: "up" } {
    return { status: "up" };
  }

  /** Should traffic come here? The critical checks, unless {@link markUnready} answered already. */
  async ready(): Promise<ReadinessReport> {
    if (this.#unreadyReason !== undefined)
      return { ready: false, status: "down", reason: this.#unreadyReason, checks: {} };
    const report = await this.#run([...this.#checks.values()].filter((check) => check.critical));
    const failed = Object.keys(report.checks).filter((name) => report.checks[name]?.status === "down");
    return failed.length === 0
      ? { ready: true, ...report }
      : { ready: false, reason: `down: ${failed.join(", ")}`, ...report };
  }

  /** Turns traffic away, e.g. while starting up or before the drain of a shutdown. */
  markUnready(reason: string): void {
    this.#unreadyReason = reason;
  }

  markReady(): void {
    this.#unreadyReason = undefined;
  }

  /** Runs all checks every `intervalMs` in the background (jittered; never two rounds at once; holds no process). */
  start(intervalMs: number): void {
    checkNumbers("HealthRegistry.start", { intervalMs }, { intervalMs: { min: 100, max: 86_400_000 } });
    this.#background.start(intervalMs);
  }

  stop(): void {
    this.#background.stop();
  }

  #add(check: HealthCheck): () => void {
    if (this.#checks.has(check.name))
      throw new IntegrationError({ code: "CONFLICT", message: `There is already a health check named ${check.name}` });
    this.#checks.set(check.name, check);
    return () => void this.#checks.delete(check.name);
  }

  async #run(checks: readonly HealthCheck[], request: CheckRequest = {}): Promise<HealthReport> {
    const entries = await Promise.all(
      checks.map(async (check): Promise<[string, CheckReport]> => [check.name, await check.report(request)]),
    );
    return { status: overallStatus(entries.map(([, report]) => report)), checks: Object.fromEntries(entries) };
  }
}
