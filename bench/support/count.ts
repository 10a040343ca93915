/** How much of something runs: all of it, or in the short form a part. */
export interface Count {
  readonly run: number;
  readonly full: number;
}

/** `12,000 of 100,000 decisions`: what was run, beside what the full form runs. */
export function counted(done: number, { full }: Count, what: string): string {
  return `${done.toLocaleString("en-US")} of ${full.toLocaleString("en-US")} ${what}`;
}
