import { type Clock, describeThrown, IntegrationError, raceSignal, type Redact, redactUrls } from "../../core/index.ts";
import { type CheckReport, type HealthStatus } from "./health-report.ts";

/** What a check may answer; nothing means up. */
export interface CheckFinding {
  readonly status: HealthStatus;
  readonly message?: string | undefined;
  readonly reason?: string | undefined;
}

export interface HealthCheckOptions {
  /** Whether the host can serve without it. @defaultValue true */
  readonly critical?: boolean | undefined;
  /** Deadline of one run, ms; 1 to 300,000. @defaultValue 3000 */
  readonly timeoutMs?: number | undefined;
  /** How long a finding is served again without a new run, ms; 0 to 1 day. @defaultValue 1000 */
  readonly cacheMs?: number | undefined;
  /** Resolves when well, rejects when down. Must obey the signal: the next run waits for the end of this one. */
  run(signal: AbortSignal): Promise<CheckFinding | void> | CheckFinding | void;
}

export type ResolvedHealthCheckOptions = Required<{
  [K in keyof HealthCheckOptions]: NonNullable<HealthCheckOptions[K]>;
}>;

/** A background round looks anew, and its deadline holds no process. */
export interface CheckRequest {
  readonly background?: boolean;
}

/** One named check: runs at most once at a time, under its own deadline, and remembers what it found. */
export class HealthCheck {
  readonly name: string;
  readonly critical: boolean;
  readonly #options: ResolvedHealthCheckOptions;
  readonly #clock: Clock;
  readonly #redact: Redact;
  #flight: Promise<CheckReport> | undefined;
  #found: { readonly report: CheckReport; readonly at: number } | undefined;
  /** True from the start of a run until its code has really returned, which may be after the deadline. */
  #busy = false;

  constructor(name: string, options: ResolvedHealthCheckOptions, clock: Clock, redact: Redact) {
    this.name = name;
    this.critical = options.critical;
    this.#options = options;
    this.#clock = clock;
    this.#redact = redact;
  }

  /** The cached finding, the run that is under way, or a new run. Never rejects. */
  report(request: CheckRequest = {}): Promise<CheckReport> {
    const found = this.#found;
    if (found && !request.background && this.#clock.now() - found.at < this.#options.cacheMs)
      return Promise.resolve(found.report);
    return (this.#flight ??= this.#fly(request).finally(() => (this.#flight = undefined)));
  }

  async #fly(request: CheckRequest): Promise<CheckReport> {
    const startedAt = this.#clock.now();
    const checkedAt = new Date(this.#clock.wallNow()).toISOString();
    const finding = this.#busy ? stuck : await this.#attempt(request);
    const at = this.#clock.now();
    const report = {
      status: finding.status,
      critical: this.critical,
      ...(finding.message !== undefined && { message: redactUrls(this.#redact(finding.message)) }),
      ...(finding.reason !== undefined && { reason: finding.reason }),
      durationMs: at - startedAt,
      checkedAt,
    };
    this.#found = { report, at };
    return report;
  }

  async #attempt({ background = false }: CheckRequest): Promise<CheckFinding> {
    const { timeoutMs } = this.#options;
    const controller = new AbortController();
    const { signal } = controller;
    const onTimeout = () => controller.abort(timeout(this.name, timeoutMs));
    const timer = this.#clock.setTimer(onTimeout, timeoutMs, { keepAlive: !background });
    this.#busy = true;
    const run = (async () => this.#options.run(signal))();
    const settled = () => void (this.#busy = false);
    run.then(settled, settled);
    try {
      const finding = await raceSignal(run, signal);
      return statuses.has(finding?.status) ? (finding as CheckFinding) : { status: "up" };
    } catch (thrown) {
      const error: unknown = signal.aborted ? signal.reason : thrown;
      const reason = IntegrationError.isInstance(error) ? error.code : "CHECK_FAILED";
      return { status: "down", message: describeThrown(error), reason };
    } finally {
      timer.cancel();
    }
  }
}

const statuses: ReadonlySet<unknown> = new Set<HealthStatus>(["up", "degraded", "down"]);

const stuck: CheckFinding = {
  status: "down",
  reason: "ATTEMPT_TIMEOUT",
  message: "the last run timed out and has not returned since; a check must obey its signal",
};

function timeout(name: string, timeoutMs: number): IntegrationError {
  return new IntegrationError({
    code: "ATTEMPT_TIMEOUT",
    message: `the check ${name} did not answer within ${timeoutMs} ms`,
  });
}
