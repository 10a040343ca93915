import { IntegrationError } from "enhanced-integration";
import { type Figure } from "../../support/report.ts";

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** Makes calls and watches that each is settled in time, with a value or with an error of ours. */
export class Calls {
  #made = 0;
  failed = 0;
  #latestMs = 0;
  readonly #foreign: unknown[] = [];
  readonly codes = new Map<string, number>();

  /**
   * Never rejects. A bare timer of the same length runs beside each call: how late this machine is, is not the call's
   * fault.
   */
  async make<T>(deadlineMs: number, call: (deadlineMs: number) => Promise<T>): Promise<Outcome<T>> {
    this.#made += 1;
    let firedAt: number | undefined;
    const timer = setTimeout(() => (firedAt = performance.now()), deadlineMs);
    const outcome = await call(deadlineMs).then(
      (value): Outcome<T> => ({ ok: true, value }),
      (error: unknown): Outcome<T> => ({ ok: false, error }),
    );
    clearTimeout(timer);
    if (firedAt !== undefined) this.#latestMs = Math.max(this.#latestMs, performance.now() - firedAt);
    if (!outcome.ok) this.#note(outcome.error);
    return outcome;
  }

  #note(error: unknown): void {
    this.failed += 1;
    if (!IntegrationError.isInstance(error)) {
      this.#foreign.push(error);
      return;
    }
    this.codes.set(error.code, (this.codes.get(error.code) ?? 0) + 1);
  }

  figures(): Figure[] {
    const codes = [...this.codes].map(([code, count]) => `${code} ${count}`).join(", ");
    for (const error of this.#foreign.slice(0, 3)) console.log("  foreign error:", error);
    return [
      { name: "  calls made", value: this.#made, unit: "", note: `${this.failed} failed: ${codes || "-"}` },
      { name: "  errors that are not ours", value: this.#foreign.length, unit: "", atMost: 0 },
      { name: "  latest settlement after its deadline", value: this.#latestMs, unit: "ms", atMost: 50 },
    ];
  }
}

/** True when the call may have happened though it failed. */
export function isInDoubt(error: unknown): boolean {
  return (
    IntegrationError.isInstance(error) && (error.code === "OUTCOME_UNKNOWN" || error.verdict === "outcome-unknown")
  );
}
