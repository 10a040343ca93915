import { type Figure } from "../../support/report.ts";

const seen: unknown[] = [];
process.on("uncaughtException", (error) => void seen.push(error));
process.on("unhandledRejection", (error) => void seen.push(error));

/** What escaped from everybody since the process began. */
export function uncaught(): Figure[] {
  for (const error of seen.slice(0, 3))
    console.log(`  uncaught: ${error instanceof Error ? error.stack : String(error)}`);
  return [{ name: "uncaught exceptions and rejections, all parts", value: seen.length, unit: "", atMost: 0 }];
}
