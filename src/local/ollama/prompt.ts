/** The parts of a chat that answering needs. */
export interface Prompt {
  readonly question: string;
  /** Everything else that was said, except by the assistant: sentences and lines, in order. */
  readonly context: readonly string[];
  /** All of it as one text, for counting and for finding values. */
  readonly text: string;
}

export interface PromptMessage {
  readonly role: string;
  readonly content: string;
}

/** Finds the question: after a `Question:` label, else the last sentence that asks, else the last line of the user. */
export function readPrompt(messages: readonly PromptMessage[]): Prompt {
  const told = messages.filter(({ role }) => role !== "assistant");
  const last = told.findLast(({ role }) => role === "user")?.content ?? told.at(-1)?.content ?? "";
  const sentences = splitSentences(last);
  const labelled = last.match(/(?:^|\n)\s*(?:question|task|query)\s*:\s*([^\n]+)/i)?.[1]?.trim();
  const question = labelled ?? sentences.findLast((sentence) => sentence.endsWith("?")) ?? sentences.at(-1) ?? "";
  const context = told
    .flatMap(({ content }) => splitSentences(content))
    .map((sentence) => sentence.replace(/^(?:context|facts|documents?)\s*:\s*/i, ""))
    .filter((sentence) => sentence !== "" && !question.includes(sentence) && !sentence.endsWith(question));
  return { question, context, text: told.map(({ content }) => content).join("\n") };
}

/** Sentences end at a line's end, or at a stop that is followed by white space and no digit before it alone. */
export function splitSentences(text: string): string[] {
  return text
    .split(/\n+|(?<=[.!?])\s+(?=["'(\p{Lu}\p{N}])/u)
    .map((sentence) => sentence.replace(/^\s*(?:[-*•]|\d+[.)])\s+/, "").trim())
    .filter((sentence) => sentence !== "");
}
