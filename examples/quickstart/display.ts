import { MultiBar, Presets, type SingleBar } from "cli-progress";
import Table from "cli-table3";
import { type ScrapeProgress } from "enhanced-integration/listings";
import { type DemoSummary } from "./demo.ts";

/** What a person sees while the demo works, and at its end. */
export interface Display {
  step(text: string): void;
  note(text: string): void;
  progress(progress: ScrapeProgress, houses: number): void;
  finish(summary: DemoSummary): void;
}

export function createDisplay(json: boolean): Display {
  return json ? jsonDisplay() : terminalDisplay();
}

function jsonDisplay(): Display {
  return {
    step: () => undefined,
    note: (text) => console.error(text),
    progress: () => undefined,
    finish: (summary) => console.log(JSON.stringify(summary)),
  };
}

function terminalDisplay(): Display {
  const bars = new MultiBar(
    { format: "  {name} {bar} {value}/{total}", hideCursor: true, clearOnComplete: false, noTTYOutput: false },
    Presets.shades_grey,
  );
  let rows: { pages: SingleBar; stored: SingleBar; embedded: SingleBar } | undefined;
  let lastTenth = -1;

  const log = (text: string) => {
    if (rows && bars.isActive) bars.log(`${text}\n`);
    else console.log(text);
  };
  return {
    step: (text) => log(`▸ ${text}`),
    note: (text) => log(`  ${text}`),
    progress({ pagesDone, pagesTotal, stored, embedded }, houses) {
      if (!process.stdout.isTTY) {
        const tenth = Math.floor((pagesDone / Math.max(1, pagesTotal)) * 10);
        if (tenth > lastTenth)
          console.log(`  pages ${pagesDone}/${pagesTotal}, stored ${stored}, embedded ${embedded}`);
        lastTenth = Math.max(lastTenth, tenth);
        return;
      }
      const bar = (name: string, total: number) => bars.create(total, 0, { name: name.padEnd(8) });
      rows ??= {
        pages: bar("scraped", pagesTotal || 1),
        stored: bar("stored", houses),
        embedded: bar("embedded", houses),
      };
      rows.pages.setTotal(pagesTotal || 1);
      rows.pages.update(pagesDone);
      rows.stored.update(Math.min(stored, houses));
      rows.embedded.update(Math.min(embedded, houses));
    },
    finish(summary) {
      bars.stop();
      console.log(`\n“${summary.query}”`);
      console.log(hitsTable(summary));
      console.log(callsTable(summary));
      console.log(countsTable(summary));
      const { ok, listings, embedded, duplicates, lost } = summary;
      console.log(
        `demo ${ok ? "ok" : "FAILED"}: ${listings} listings, ${embedded} embedded, ${duplicates} duplicates, ${lost} lost`,
      );
    },
  };
}

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 0 });

function hitsTable({ hits }: DemoSummary): string {
  const table = new Table({
    head: ["listing", "price", "zip", "score"],
    colAligns: ["left", "right", "left", "right"],
    style: { head: ["cyan"] },
  });
  table.push(
    ...hits.map(({ title, price, zipcode, score }) => [title, dollars.format(price), zipcode ?? "", score.toFixed(3)]),
  );
  return table.toString();
}

function callsTable({ calls, faults }: DemoSummary): string {
  const head = ["service", "calls", "failed", "retries", "faults suffered", "p50 ms", "p95 ms", "breaker"];
  const table = new Table({
    head,
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "left"],
    style: { head: ["cyan"] },
  });
  for (const [service, f] of Object.entries(calls))
    table.push([
      service,
      f.count,
      f.errors,
      f.retries,
      faults[service] ?? 0,
      f.p50Ms.toFixed(1),
      f.p95Ms.toFixed(1),
      f.breaker,
    ]);
  return table.toString();
}

function countsTable(summary: DemoSummary): string {
  const { stored, zipcodes, alertMatches, documents, seconds, peakMemoryMb } = summary;
  const table = new Table({
    head: [
      "new",
      "changed",
      "unchanged",
      "embedded now",
      "zip codes",
      "alert matches",
      "documents",
      "seconds",
      "peak MB",
    ],
    style: { head: ["cyan"] },
  });
  table.push([
    stored.inserted,
    stored.updated,
    stored.unchanged,
    stored.embedded,
    zipcodes,
    alertMatches,
    documents,
    seconds,
    peakMemoryMb,
  ]);
  return table.toString();
}
