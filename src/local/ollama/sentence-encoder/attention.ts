import { PANEL } from "./kernels.ts";
import { type Matrices, type Panels, type Rows } from "./matrices.ts";
import { DIMENSIONS, HEADS, MAX_TOKENS } from "./shape.ts";

/** Softmax attention of a text's tokens to each other, by four heads. */
export class Attention {
  readonly #matrices: Matrices;
  readonly #scores: Rows;
  readonly #keys: number;
  readonly #headValues: number;

  constructor(matrices: Matrices) {
    this.#matrices = matrices;
    this.#scores = matrices.reserve(MAX_TOKENS, MAX_TOKENS);
    this.#keys = matrices.reserve(MAX_TOKENS, DIMENSIONS / HEADS).at;
    this.#headValues = matrices.reserve(MAX_TOKENS, DIMENSIONS / HEADS).at;
  }

  /**
   * @param mixed queries, keys and values of each token, side by side
   * @param context what becomes of them, a third as wide
   * @param lengths of the texts, whose tokens follow one another
   */
  run(mixed: Rows, context: Rows, lengths: readonly number[]): void {
    const size = context.stride / HEADS;
    let token = 0;
    for (const length of lengths) {
      for (let head = 0; head < HEADS; head++) {
        const part = (which: number): Rows => ({
          at: mixed.at + token * mixed.stride + which * context.stride + head * size,
          stride: mixed.stride,
        });
        const to = { at: context.at + token * context.stride + head * size, stride: context.stride };
        this.#head(part(0), part(1), part(2), to, length, size);
      }
      token += length;
    }
  }

  #head(queries: Rows, keys: Rows, headValues: Rows, to: Rows, length: number, size: number): void {
    const { values } = this.#matrices;
    const padded = Math.ceil(length / PANEL) * PANEL;
    const { at, stride } = this.#scores;
    for (let row = 0; row < length; row++) values.fill(0, at + row * stride, at + row * stride + padded);
    this.#matrices.addProduct(queries, this.#packKeys(keys, length, padded, size), this.#scores, length);
    for (let row = 0; row < length; row++) softmax(values, at + row * stride, length, padded, 1 / Math.sqrt(size));
    for (let row = 0; row < length; row++) values.fill(0, to.at + row * to.stride, to.at + row * to.stride + size);
    this.#matrices.addProduct(this.#scores, this.#packValues(headValues, length, padded, size), to, length);
  }

  /** Keys as columns; what is missing to whole panels is zero. */
  #packKeys(keys: Rows, length: number, padded: number, size: number): Panels {
    const { values } = this.#matrices;
    for (let key = 0; key < padded; key++) {
      const from = keys.at + key * keys.stride;
      const to = this.#keys + (key - (key % PANEL)) * size + (key % PANEL);
      for (let i = 0; i < size; i++) values[to + i * PANEL] = key < length ? values[from + i]! : 0;
    }
    return { at: this.#keys, inner: size, columns: padded };
  }

  #packValues(headValues: Rows, length: number, padded: number, size: number): Panels {
    const { values } = this.#matrices;
    let to = this.#headValues;
    for (let column = 0; column < size; column += PANEL)
      for (let row = 0; row < padded; row++)
        for (let i = 0, from = headValues.at + row * headValues.stride + column; i < PANEL; i++)
          values[to++] = row < length ? values[from + i]! : 0;
    return { at: this.#headValues, inner: padded, columns: size };
  }
}

/** In place; zeros after the last. */
function softmax(values: Float32Array, at: number, length: number, padded: number, scale: number): void {
  let largest = -Infinity;
  for (let i = at; i < at + length; i++) largest = Math.max(largest, values[i]!);
  let sum = 0;
  for (let i = at; i < at + length; i++) sum += values[i] = Math.exp((values[i]! - largest) * scale);
  for (let i = at; i < at + length; i++) values[i]! /= sum;
  values.fill(0, at + length, at + padded);
}
