import { styleText } from "node:util";
import { MultiBar, type SingleBar } from "cli-progress";
import { type ScrapeProgress } from "enhanced-integration/listings";
import { type DemoSummary } from "./summary.ts";
import { count, tables } from "./tables.ts";

/** What a person sees while the demo works, and at its end. */
export interface Display {
  step(text: string): void;
  note(text: string): void;
  progress(progress: ScrapeProgress, houses: number): void;
  finish(summary: DemoSummary): void;
  /** Gives the terminal back as it was. May be called at any time, and twice. */
  close(): void;
}

export function createDisplay(json: boolean): Display {
  if (json) return jsonDisplay();
  return process.stdout.isTTY ? terminalDisplay() : plainDisplay();
}

function jsonDisplay(): Display {
  return {
    step: () => undefined,
    note: (text) => console.error(text),
    progress: () => undefined,
    finish: (summary) => console.log(JSON.stringify(summary)),
    close: () => undefined,
  };
}

/** For logs and pipes: a line for each tenth of the way instead of bars. */
function plainDisplay(): Display {
  let tenths = -1;
  return {
    step: (text) => console.log(`▸ ${text}`),
    note: (text) => console.log(`  ${text}`),
    progress({ pagesDone, pagesTotal, stored, embedded }) {
      const reached = Math.floor((10 * pagesDone) / Math.max(1, pagesTotal));
      if (reached <= tenths) return;
      tenths = reached;
      console.log(
        `  scraped ${pagesDone} of ${pagesTotal} pages, stored ${count(stored)}, embedded ${count(embedded)}`,
      );
    },
    finish,
    close: () => undefined,
  };
}

function terminalDisplay(): Display {
  const bars = new MultiBar({
    format: `  {name} ${styleText("cyan", "{bar}")} {done}`,
    barCompleteChar: "━",
    barIncompleteChar: "╌",
    barsize: 40,
    hideCursor: true,
    // The program itself listens to Ctrl-C, and closes the display.
    gracefulExit: false,
  });
  let rows: { readonly pages: SingleBar; readonly stored: SingleBar; readonly embedded: SingleBar } | undefined;
  const bar = (name: string) => bars.create(1, 0, { name: name.padEnd(8), done: "" });
  const draw = (row: SingleBar, value: number, total: number, unit: string) => {
    row.setTotal(Math.max(1, total));
    row.update(Math.min(value, total), { done: `${count(Math.min(value, total))} of ${count(total)} ${unit}` });
  };
  const close = () => {
    if (bars.isActive) bars.stop();
  };
  return {
    step(text) {
      // A new step: what the bars showed is over.
      close();
      console.log(`${styleText("cyan", "▸")} ${text}`);
    },
    note(text) {
      if (bars.isActive) bars.log(`${styleText("yellow", `  ${text}`)}\n`);
      else console.log(styleText("yellow", `  ${text}`));
    },
    progress({ pagesDone, pagesTotal, stored, unchanged, embedded }, houses) {
      rows ??= { pages: bar("scraped"), stored: bar("stored"), embedded: bar("embedded") };
      const before = unchanged > 0 ? `, ${count(unchanged)} as before` : "";
      draw(rows.pages, pagesDone, pagesTotal, "pages");
      draw(rows.stored, stored, houses, `houses${before}`);
      draw(rows.embedded, embedded + unchanged, houses, `houses${before}`);
    },
    finish,
    close,
  };
}

function finish(summary: DemoSummary): void {
  const { ok, listings, embedded, duplicates, lost } = summary;
  console.log(`\n${tables(summary)}\n`);
  const outcome = ok ? "ok" : "FAILED";
  console.log(`demo ${outcome}: ${listings} listings, ${embedded} embedded, ${duplicates} duplicates, ${lost} lost`);
}
