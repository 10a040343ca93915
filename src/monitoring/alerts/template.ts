import { type LabelSet, labelOf } from "./expression/sample.ts";
import { printShortest } from "./go-numbers.ts";
import { humanize, humanizeDuration, humanizePercentage, parsePrintf } from "./humanize.ts";

/** What a text may speak of. */
export interface TemplateData {
  readonly labels: LabelSet;
  readonly value: number;
}

/** A parsed text. */
export type Template = (data: TemplateData) => string;

const action = /\{\{\s*(.*?)\s*\}\}/g;
const quoted = /^"(?:[^"\\]|\\["\\n])*"$/;
const label = /^\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)$/;
/** `$value | humanize` or `humanize $value`. */
const formatted = /^(?:\$value\s*\|\s*(\w+)(?:\s+"([^"\\]*)")?|(\w+)(?:\s+"([^"\\]*)")?\s+\$value)$/;

const formats: Readonly<Record<string, (value: number) => string>> = {
  humanize,
  humanizeDuration,
  humanizePercentage,
};

/**
 * Parses the part of Prometheus' templates that alerts live by: `{{ $value }}`, `{{ $labels.name }}`, the value through
 * `humanize`, `humanizeDuration`, `humanizePercentage` or `printf "%.2f"`, and text in quotes for braces themselves.
 * @returns the template, or what is wrong with the text
 */
export function parseTemplate(text: string): { readonly template: Template } | { readonly problem: string } {
  const parts: Template[] = [];
  const addText = (literal: string): void => void (literal !== "" && parts.push(() => literal));
  let end = 0;
  for (const match of text.matchAll(action)) {
    addText(text.slice(end, match.index));
    end = match.index + match[0].length;
    const part = parseAction(match[1] ?? "");
    if (!part)
      return {
        problem: `${match[0]} is not understood; known are $value, $labels.name, $value | ${Object.keys(formats).join(", ")} or printf "%.2f", and {{ "{{" }} for braces`,
      };
    parts.push(part);
  }
  const rest = text.slice(end);
  if (rest.includes("{{")) return { problem: `{{ is never closed; write braces themselves as {{ "{{" }}` };
  addText(rest);
  return { template: (data) => parts.map((part) => part(data)).join("") };
}

function parseAction(inner: string): Template | undefined {
  if (quoted.test(inner)) {
    const text = JSON.parse(inner) as string;
    return () => text;
  }
  if (inner === "$value") return ({ value }) => printShortest(value);
  const name = label.exec(inner)?.[1];
  if (name !== undefined) return ({ labels }) => labelOf(labels, name);
  const [, piped, pipedText, prefixed, prefixedText] = formatted.exec(inner) ?? [];
  const format = formatOf(piped ?? prefixed ?? "", pipedText ?? prefixedText);
  return format && (({ value }) => format(value));
}

function formatOf(name: string, text: string | undefined): ((value: number) => string) | undefined {
  if (name === "printf") return text === undefined ? undefined : parsePrintf(text);
  return text === undefined && Object.hasOwn(formats, name) ? formats[name] : undefined;
}
