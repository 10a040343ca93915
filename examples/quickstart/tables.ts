import { styleText } from "node:util";
import Table from "cli-table3";
import { services } from "./faults.ts";
import { type DemoSummary } from "./summary.ts";

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const milliseconds = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** `2,000` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Everything that the demo ends with, but its last line. */
export function tables(summary: DemoSummary): string {
  return [
    title(`“${summary.query}”`, "by meaning and by words"),
    hitsTable(summary),
    title("Services", "faults suffered on purpose, and how calls fared; what gave up was taken up again"),
    servicesTable(summary),
    title("This run", `${summary.seconds} s, ${count(summary.peakMemoryMb)} MB at most`),
    countsTable(summary),
  ].join("\n");
}

function hitsTable({ hits }: DemoSummary): string {
  const rows = hits.map(({ title, price, zipcode, score }) => [
    title,
    dollars.format(price),
    zipcode ?? "",
    score.toFixed(3),
  ]);
  return table(["listing", "price", "zip", "score"], rows);
}

function servicesTable({ calls, faults }: DemoSummary): string {
  const rows = services.map((service) => {
    const { count: made = 0, retries = 0, errors = 0, p50Ms = 0, p95Ms = 0, breaker = "closed" } = calls[service] ?? {};
    const { reset, stall, 429: throttled, 503: down } = faults[service];
    return [
      service,
      ...[reset, stall, throttled, down, made, retries, errors].map(count),
      ...[p50Ms, p95Ms].map((ms) => milliseconds.format(ms)),
      breaker,
    ];
  });
  const head = [
    "service",
    "reset",
    "stall",
    "429",
    "503",
    "calls",
    "retries",
    "gave up",
    "p50 ms",
    "p95 ms",
    "breaker",
  ];
  return table(head, rows);
}

function countsTable({ stored, zipcodes, alertMatches, documents }: DemoSummary): string {
  const head = ["new", "changed", "unchanged", "embedded", "zip codes", "alert matches", "documents"];
  const { inserted, updated, unchanged, embedded } = stored;
  return table(head, [[inserted, updated, unchanged, embedded, zipcodes, alertMatches, documents].map(count)]);
}

/** Words to the left, numbers to the right, no lines between rows. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumber = (cell: string | undefined) => /^\$?[\d,.]+$/.test(cell ?? "");
  const made = new Table({
    head: head.map((name) => styleText("cyan", name)),
    colAligns: head.map((_, column) => (isNumber(rows[0]?.[column]) ? "right" : "left")),
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  made.push(...rows.map((row) => [...row]));
  return made.toString();
}

function title(name: string, remark: string): string {
  return `${styleText("bold", name)} ${styleText("dim", `- ${remark}`)}`;
}
