import { storableText } from "./listing.ts";
import { type SearchFilters } from "./search.ts";

const amount = String.raw`\$?\s*(\d[\d,]*(?:\.\d+)?)\s*(k|m|thousand|million)?\b`;
const patterns: readonly { readonly pattern: RegExp; readonly read: (match: RegExpExecArray) => SearchFilters }[] = [
  {
    pattern: new RegExp(String.raw`\bbetween\s+${amount}\s+and\s+${amount}`, "i"),
    read: (m) => ({ minPrice: dollars(m[1], m[2] ?? m[4]), maxPrice: dollars(m[3], m[4]) }),
  },
  {
    pattern: new RegExp(
      String.raw`\b(?:under|below|less than|at most|up to|max(?:imum)?|no more than)\s+${amount}`,
      "i",
    ),
    read: (m) => ({ maxPrice: dollars(m[1], m[2]) }),
  },
  {
    pattern: new RegExp(
      String.raw`\b(?:over|above|more than|from|min(?:imum)?)\s+\$\s*(\d[\d,]*(?:\.\d+)?)\s*(k|m|thousand|million)?\b`,
      "i",
    ),
    read: (m) => ({ minPrice: dollars(m[1], m[2]) }),
  },
  {
    pattern: new RegExp(
      String.raw`\b(?:over|above|more than|from|min(?:imum)?)\s+(\d[\d,]*(?:\.\d+)?)\s*(k|m|thousand|million)\b`,
      "i",
    ),
    read: (m) => ({ minPrice: dollars(m[1], m[2]) }),
  },
  {
    pattern: /\b(?:at least\s+)?(\d{1,2})\s*(?:\+\s*)?-?\s*bed(?:room)?s?\b/i,
    read: (m) => ({ minBedrooms: Number(m[1]) }),
  },
  {
    pattern: /\b(?:at least\s+)?(\d{1,2}(?:\.\d+)?)\s*(?:\+\s*)?-?\s*bath(?:room)?s?\b/i,
    read: (m) => ({ minBathrooms: Number(m[1]) }),
  },
  { pattern: /\b(?:in\s+|zip\s*(?:code)?\s*)(\d{5})\b/i, read: (m) => ({ zipcode: m[1]! }) },
];

/**
 * Takes the hard facts out of a request in words ("under 700k", "3 bedrooms", "in 98103"), because an embedding knows
 * no numbers; what is left is searched by meaning.
 *
 * @example splitQuery("older home near the water under 700k") // { filters: { maxPrice: 700000 }, words: "older home near the water" }
 */
export function splitQuery(text: string): { readonly filters: SearchFilters; readonly words: string } {
  let words = storableText(text.slice(0, 2000));
  let filters: SearchFilters = {};
  for (const { pattern, read } of patterns) {
    const match = pattern.exec(words);
    if (!match) continue;
    filters = { ...read(match), ...filters };
    words = `${words.slice(0, match.index)} ${words.slice(match.index + match[0].length)}`;
  }
  return { filters, words: words.replace(/\s+/g, " ").trim() };
}

function dollars(digits = "0", unit = ""): number {
  const scale = /^(k|thousand)$/i.test(unit) ? 1e3 : /^(m|million)$/i.test(unit) ? 1e6 : 1;
  return Number(digits.replaceAll(",", "")) * scale;
}
