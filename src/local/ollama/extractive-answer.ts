import { type Prompt } from "./prompt.ts";

const MAX_SENTENCES = 3;
/** A further sentence must answer at least this share of what the best one does. */
const NEAR_THE_BEST = 0.6;
const STOP_WORDS = new Set(
  "a an and are as at be but by can could did do does for from had has have how i in into is it its me my no not of on or our please she should tell that the their them there these they this to us was we were what when where which who why will with would you your".split(
    " ",
  ),
);

/**
 * Answers with the sentences of the prompt's own context that overlap most with the question. Says nothing that the
 * prompt does not say, and always the same.
 */
export function extractiveAnswer({ question, context }: Prompt): string {
  const best = rankSentences(question, context);
  if (best.length > 0) return best.join(" ");
  return context.length === 0
    ? `I have no context to answer from: ${question}`.trim()
    : "The context does not answer this question.";
}

/** @returns the best sentences in the order of the text; none if nothing overlaps */
export function rankSentences(question: string, sentences: readonly string[], most = MAX_SENTENCES): string[] {
  const wanted = new Set(contentWords(question));
  const words = sentences.map((sentence) => new Set(contentWords(sentence)));
  // A word that few sentences hold tells more (inverse document frequency).
  const weight = (word: string) => Math.log(1 + sentences.length / words.filter((set) => set.has(word)).length);
  const scored = words.map((set, index) => {
    const shared = [...wanted].filter((word) => set.has(word));
    return { index, score: shared.reduce((sum, word) => sum + weight(word), 0) / Math.sqrt(4 + set.size) };
  });
  const top = Math.max(0, ...scored.map(({ score }) => score));
  return scored
    .filter(({ score }) => score > 0 && score >= top * NEAR_THE_BEST)
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, most)
    .sort((a, b) => a.index - b.index)
    .map(({ index }) => sentences[index]!);
}

/** Lower-case words that mean something, cut to a rough stem. */
export function contentWords(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.filter((word) => !STOP_WORDS.has(word)).map(stem);
}

function stem(word: string): string {
  if (word.length <= 3) return word;
  return word.replace(/(?<=...)(?:ies|ing|ed|es|s)$/, (ending) => (ending === "ies" ? "y" : ""));
}
