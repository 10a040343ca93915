import { contentWords, rankSentences } from "./extractive-answer.ts";
import { type Prompt, splitSentences } from "./prompt.ts";

const NUMBER = String.raw`-?\d[\d,]*(?:\.\d+)?`;

/** What the prompt's own words say about a property called `name`. Each answer is text found there, or undefined. */
export class ContextFacts {
  readonly #question: string;
  /** Without schemas: those speak of names, not of values. */
  readonly #text: string;

  constructor({ question, text }: Prompt) {
    this.#question = question;
    this.#text = text
      .split("\n")
      .filter((line) => !looksLikeSchema(line))
      .join("\n");
  }

  /** `name: value`, `name = value` or `"name": value`. */
  labelled(name: string): string | undefined {
    const label = nameWords(name).map(escape).join("[ _-]*");
    const found = new RegExp(
      String.raw`(?<![\p{L}\p{N}])"?${label}"?\s*[:=]\s*("[^"\n]*"|(?:[^\n,;}\]]|,(?=\d{3}))+)`,
      "iu",
    ).exec(this.#text)?.[1];
    return found?.replace(/^"|"$|\.$/g, "").trim() || undefined;
  }

  /** A number with the name's words beside it (`3 bedrooms`, `built in 1926`), or with the name as its label. */
  number(name: string): number | undefined {
    const labelled = this.labelled(name)?.match(NUMBER)?.[0];
    if (labelled !== undefined) return parse(labelled);
    for (const word of nameWords(name).filter((each) => each.length > 2)) {
      const stem = escape(word.replace(/s$/, ""));
      const before = new RegExp(String.raw`(${NUMBER})[\s-]*(?:\p{L}+[\s-]+)?${stem}`, "iu").exec(this.#text)?.[1];
      const after = new RegExp(String.raw`${stem}\p{L}*\s+(?:\p{L}+\s+){0,2}[$€£]?(${NUMBER})`, "iu").exec(
        this.#text,
      )?.[1];
      const found = before ?? after;
      if (found !== undefined) return parse(found);
    }
    const money = /price|cost|amount|rent|fee/i.test(name)
      ? new RegExp(String.raw`[$€£]\s*(${NUMBER})`, "u").exec(this.#text)?.[1]
      : undefined;
    return money === undefined ? undefined : parse(money);
  }

  /** True if the name's words are said and not denied. */
  affirms(name: string): boolean {
    const labelled = this.labelled(name);
    if (labelled !== undefined) return /^(?:true|yes|y|1)\b/i.test(labelled);
    const words = contentWords(nameWords(name).join(" ")).map(escape);
    if (words.length === 0) return false;
    const said = words.every((word) => new RegExp(word, "i").test(this.#text));
    const denied = new RegExp(String.raw`\b(?:no|not|without|never|lacks?)\b[^.\n]{0,20}${words[0]}`, "i").test(
      this.#text,
    );
    return said && !denied;
  }

  /** The first of some words that the context says. */
  firstSaid(words: readonly string[]): string | undefined {
    return words.find((word) =>
      new RegExp(String.raw`(?<![\p{L}\p{N}])${escape(word)}(?![\p{L}\p{N}])`, "iu").test(this.#text),
    );
  }

  /** The first match of a shape, e.g. of a date. */
  shaped(shape: RegExp): string | undefined {
    return shape.exec(this.#text)?.[0];
  }

  /** The sentence that speaks most of the name, or of the question. */
  sentenceAbout(name: string, description = ""): string | undefined {
    const sentences = splitSentences(this.#text).filter((sentence) => sentence !== this.#question);
    const about = `${nameWords(name).join(" ")} ${description}`;
    return rankSentences(about, sentences, 1)[0] ?? rankSentences(this.#question, sentences, 1)[0] ?? sentences[0];
  }
}

/** `yearBuilt` and `year_built` are `year built`. */
export function nameWords(name: string): string[] {
  return name
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}

const looksLikeSchema = (line: string): boolean => /"(?:\$schema|type|properties)"\s*:/.test(line);
const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
const parse = (digits: string): number => Number(digits.replaceAll(",", ""));
