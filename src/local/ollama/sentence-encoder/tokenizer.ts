/** A piece of a word, and the logarithm of its probability. */
export type Vocabulary = readonly (readonly [piece: string, score: number])[];

interface Node {
  readonly next: Map<string, Node>;
  piece?: { readonly id: number; readonly score: number };
}

/** What the vocabulary begins with: the unknown, and marks that no text contains. */
const RESERVED = 6;
const UNKNOWN = 0;
const WORD_START = "▁";

/** Cuts texts into the pieces of a vocabulary, the likeliest way (SentencePiece's unigram model, Kudo 2018). */
export class Tokenizer {
  readonly #root: Node = { next: new Map() };

  constructor(vocabulary: Vocabulary) {
    for (const [id, [piece, score]] of vocabulary.entries()) {
      if (id < RESERVED) continue;
      let node = this.#root;
      for (const character of piece) {
        let next = node.next.get(character);
        if (!next) node.next.set(character, (next = { next: new Map() }));
        node = next;
      }
      node.piece = { id, score };
    }
  }

  /** @returns the ids of the pieces; one for any run of characters that no piece has */
  encode(text: string): number[] {
    const normalized = text.normalize("NFKC");
    if (normalized === "") return [];
    const characters = [...(WORD_START + normalized.replaceAll(" ", WORD_START))];
    // Per end: the score of the best way there, its last piece and where that began.
    const score = new Float64Array(characters.length + 1);
    const ids = new Int32Array(characters.length + 1);
    const begins = Int32Array.from(score, (_, end) => end - 1);
    const offer = (id: number, begin: number, end: number, of: number) => {
      // The model was trained with zero as "nothing yet", and with the later of two equals.
      if (score[end] !== 0 && of < score[end]!) return;
      score[end] = of;
      ids[end] = id;
      begins[end] = begin;
    };
    for (let begin = 0; begin < characters.length; begin++) {
      const soFar = score[begin]!;
      let found = false;
      let node = this.#root.next.get(characters[begin]!);
      for (let end = begin + 1; node; node = node.next.get(characters[end++]!)) {
        if (!node.piece) continue;
        found = true;
        offer(node.piece.id, begin, end, soFar + node.piece.score);
      }
      if (!found) offer(UNKNOWN, begin, begin + 1, soFar);
    }
    const pieces: number[] = [];
    for (let end = characters.length; end > 0; end = begins[end]!)
      if (ids[end] !== UNKNOWN || pieces.at(-1) !== UNKNOWN) pieces.push(ids[end]!);
    return pieces.reverse();
  }
}
