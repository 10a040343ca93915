import { type House } from "./house.ts";

const RESULTS_PER_PAGE = 10;

/** The answer of `GET /v1/search`: the houses that share most words with the query, rare words first. */
export class HouseSearch {
  readonly #words: readonly { readonly house: House; readonly words: ReadonlySet<string> }[];
  readonly #frequency = new Map<string, number>();

  constructor(houses: readonly House[]) {
    this.#words = houses.map((house) => ({ house, words: new Set(wordsOf(`${house.title} ${house.description}`)) }));
    for (const { words } of this.#words)
      for (const word of words) this.#frequency.set(word, (this.#frequency.get(word) ?? 0) + 1);
  }

  search(query: string, page: number, siteUrl: string): object {
    const wanted = [...new Set(wordsOf(query))].filter((word) => this.#frequency.has(word));
    const scored = this.#words
      .map(({ house, words }) => ({
        house,
        score: wanted.reduce((sum, word) => sum + (words.has(word) ? this.#weight(word) : 0), 0),
      }))
      .filter(({ score }) => score > 0)
      .sort((one, other) => other.score - one.score);
    const from = page * RESULTS_PER_PAGE;
    const results = scored.slice(from, from + RESULTS_PER_PAGE).map(({ house }, index) => ({
      position: from + index + 1,
      site_name: new URL(siteUrl).host,
      title: house.title,
      snippet: house.description.slice(0, 160),
      url: new URL(house.url, siteUrl).href,
    }));
    return { query, results, total_results: scored.length, page };
  }

  #weight(word: string): number {
    return Math.log(1 + this.#words.length / this.#frequency.get(word)!);
  }
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}
