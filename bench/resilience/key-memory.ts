import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Figure } from "../support/report.ts";
import { textTable } from "../support/text-table.ts";
import { type KeyMemory, type KeyStoreName } from "./key-memory-child.ts";

const KEYS = 1_000_000;
const stores: readonly KeyStoreName[] = [
  "ours",
  "hand bucket",
  "limiter",
  "express-rate-limit",
  "rate-limiter-flexible",
];

/** What a million keys take, each store in a process of its own; the strings of the keys are not counted. */
export async function keyMemory(): Promise<Figure[]> {
  const measured = new Map<KeyStoreName, KeyMemory>();
  for (const store of stores) measured.set(store, await inChild(store, KEYS));
  const rows = [...measured].map(([store, { fullMiB, refilledMiB, keysAtEnd }]) => [
    store,
    mib(fullMiB),
    refilledMiB === undefined ? "" : mib(refilledMiB),
    keysAtEnd === undefined ? "" : keysAtEnd.toLocaleString("en-US"),
  ]);
  console.log(textTable(["MiB", "1,000,000 keys", "1,000,000 others later", "keys then held"], rows));

  const ours = measured.get("ours") as Required<KeyMemory>;
  const figures: Figure[] = [
    { name: "1,000,000 keys", value: ours.fullMiB, unit: "MiB", atMost: 48 },
    {
      name: "after 1,000,000 other keys, once the first are full again",
      value: ours.refilledMiB,
      unit: "MiB",
      atMost: 48,
    },
    { name: "keys held then", value: ours.keysAtEnd, unit: "keys", atMost: KEYS },
  ];
  for (const store of stores.slice(1)) {
    const value = (measured.get(store)?.fullMiB ?? NaN) / ours.fullMiB;
    figures.push({ name: `${store} / ours`, value, unit: "×" });
  }
  return figures;
}

async function inChild(store: KeyStoreName, keys: number): Promise<KeyMemory> {
  const program = fileURLToPath(new URL("./key-memory-child.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, store, String(keys)]);
  return JSON.parse(stdout) as KeyMemory;
}

const mib = (value: number) => value.toFixed(1);
