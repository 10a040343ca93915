/** A word or a sign: near enough to a tokenizer for counting and cutting. */
const TOKEN = /[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu;

export const countTokens = (text: string): number => text.match(TOKEN)?.length ?? 0;

/** @returns the text cut after `limit` tokens */
export function truncateTokens(text: string, limit: number): string {
  let seen = 0;
  for (const match of text.matchAll(TOKEN)) if ((seen += 1) > limit) return text.slice(0, match.index);
  return text;
}
