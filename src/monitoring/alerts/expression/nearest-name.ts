import { editDistance } from "../../../core/index.ts";

/** The known name that differs least from a mistyped one; `undefined` when none is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const asked = name.toLowerCase();
  let best: string | undefined;
  // Two letters or a third of them may differ: beyond that the suggestion is another word.
  let least = Math.max(asked.length < 4 ? 1 : 2, Math.floor(asked.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(asked, candidate.toLowerCase(), least - 1);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}
