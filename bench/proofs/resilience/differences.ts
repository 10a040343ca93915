import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { type Answer, difference } from "./reference-bucket.ts";

const MOST_SHOWN = 3;

/** Counts answers that differ from what they should be, and shows the first few. */
export class Differences {
  compared = 0;
  found = 0;
  #allowed = 0;

  compare(mine: Answer, reference: Answer, where: () => string): void {
    this.compared += 1;
    if (reference.allowed) this.#allowed += 1;
    const differs = difference(mine, reference);
    if (differs === undefined) return;
    this.found += 1;
    if (this.found <= MOST_SHOWN) console.log(`  ${where()}: ${differs}`);
  }

  figure(name: string, count: Count): Figure {
    const allowed = Math.round((this.#allowed / this.compared) * 100);
    const note = `${counted(this.compared, count, "decisions")}, ${allowed} % allowed`;
    return { name, value: this.found, unit: "", atMost: 0, note };
  }
}
