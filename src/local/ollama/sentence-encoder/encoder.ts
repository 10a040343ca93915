import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Attention } from "./attention.ts";
import { Matrices, type Panels, type Rows, SPARSE_UNIT, type SparseRows } from "./matrices.ts";
import { DIMENSIONS, MAX_TOKENS } from "./shape.ts";
import { Tokenizer, type Vocabulary } from "./tokenizer.ts";
import { Weights } from "./weights.ts";

/** Tokens that go through the layers together: enough that each weight is fetched for many, few enough to stay in caches. */
const TOKENS_AT_ONCE = 1_024;
const TEXTS_AT_ONCE = 64;
const EPSILON = 1e-6;

interface Dense {
  readonly weights: Panels;
  readonly bias: Float32Array;
}
interface Norm {
  readonly scale: Float32Array;
  readonly bias: Float32Array;
}
interface Layer {
  readonly norm: Norm;
  readonly queriesKeysValues: Dense;
  readonly mix: Dense;
  readonly forwardNorm: Norm;
  readonly widen: Dense;
  readonly narrow: Dense;
}

/**
 * The Universal Sentence Encoder, lite (Cer et al. 2018): a transformer of two layers whose outputs are averaged. It
 * computes what the model's graph does under TensorFlow.js, for a third of the processor time: no text is padded to
 * another's length, and the last product, being linear, is taken of each text's sum instead of each token.
 */
export class SentenceEncoder {
  readonly #matrices: Matrices;
  readonly #tokenizer: Tokenizer;
  readonly #embeddings: Float32Array;
  readonly #frequencies: Float32Array;
  readonly #lift: Dense;
  readonly #layers: readonly [Layer, Layer];
  readonly #attention: Attention;
  readonly #last: Dense;
  readonly #state: Rows;
  readonly #normed: Rows;
  readonly #wide: Rows;
  readonly #wideOffsets: Rows;
  readonly #context: Rows;
  readonly #sums: Rows;
  readonly #wideSums: Rows;

  private constructor(vocabulary: Vocabulary, weights: Weights, matrices: Matrices) {
    this.#matrices = matrices;
    this.#tokenizer = new Tokenizer(vocabulary);
    // Copied, so that the file's other numbers need not be kept.
    this.#embeddings = weights.get("module/Embeddings_en").values.slice();
    this.#frequencies = weights.get("TimingSignal/ExpandDims_1").values.slice();
    const dense = (kernel: string, bias: string, layer = ""): Dense => {
      const { shape, values } = weights.get(kernel, layer);
      const [inner, columns] = shape.slice(-2) as [number, number];
      return { weights: matrices.pack(values, inner, columns), bias: weights.get(bias, layer).values.slice() };
    };
    const layer = (name: string): Layer => {
      const norm = (at: string): Norm => {
        const part = (which: string) => `${at}/layer_norm/layer_norm_${which}/ConcatPartitions/concat`;
        return {
          scale: weights.get(part("scale"), name).values.slice(),
          bias: weights.get(part("bias"), name).values.slice(),
        };
      };
      const biasOf = (of: string) => `${of}/bias/ConcatPartitions/concat`;
      const attention = (of: string) => dense(`${of}/kernel/part_0`, biasOf(of), name);
      const forward = (of: string) => dense(`${of}/Tensordot/Reshape_1`, biasOf(of), name);
      return {
        norm: norm("/TransformerLayer/layer_prepostprocess"),
        queriesKeysValues: attention("qkv_transform_single"),
        mix: attention("output_transform_single"),
        forwardNorm: norm("/FFN/layer_prepostprocess"),
        widen: forward("FFN/conv1"),
        narrow: forward("FFN/conv2"),
      };
    };
    this.#lift = dense("dense/kernel/ConcatPartitions/concat", "dense/bias/ConcatPartitions/concat");
    this.#layers = [layer("/Layer_0/"), layer("/Layer_1/")];
    this.#last = dense("tanh_layer_0/weights", "tanh_layer_0/bias");
    this.#attention = new Attention(matrices);
    const wide = this.#layers[1].widen.weights.columns;
    this.#state = matrices.reserve(TOKENS_AT_ONCE, DIMENSIONS);
    this.#normed = matrices.reserve(TOKENS_AT_ONCE, DIMENSIONS);
    this.#wide = matrices.reserve(TOKENS_AT_ONCE, wide);
    this.#wideOffsets = matrices.reserve(TOKENS_AT_ONCE, wide);
    this.#context = matrices.reserve(TOKENS_AT_ONCE, DIMENSIONS);
    this.#sums = matrices.reserve(TEXTS_AT_ONCE, DIMENSIONS);
    this.#wideSums = matrices.reserve(TEXTS_AT_ONCE, wide);
  }

  /** @param folder where the package of the model keeps its weights and its vocabulary */
  static async load(folder: string, matrices = new Matrices()): Promise<SentenceEncoder> {
    const [weights, vocabulary] = await Promise.all([
      Weights.read(folder),
      readFile(join(folder, "vocab.json"), "utf8").then((text) => JSON.parse(text) as Vocabulary),
    ]);
    return new SentenceEncoder(vocabulary, weights, matrices);
  }

  /** @returns a vector of unit length for each text, one after another */
  encode(texts: readonly string[]): Float32Array<ArrayBuffer> {
    const vectors = new Float32Array(texts.length * DIMENSIONS);
    let done = 0;
    let batch: number[][] = [];
    let tokens = 0;
    const flush = () => {
      vectors.set(this.#encodeBatch(batch), done * DIMENSIONS);
      done += batch.length;
      batch = [];
      tokens = 0;
    };
    for (const text of texts) {
      const ids = this.#tokenizer.encode(text).slice(0, MAX_TOKENS);
      if (batch.length === TEXTS_AT_ONCE || tokens + ids.length > TOKENS_AT_ONCE) flush();
      batch.push(ids);
      tokens += ids.length;
    }
    if (batch.length > 0) flush();
    return vectors;
  }

  #encodeBatch(batch: readonly (readonly number[])[]): Float32Array {
    const lengths = batch.map((ids) => ids.length);
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    const [first, second] = this.#layers;
    const narrow: Rows = { at: this.#context.at, stride: DIMENSIONS / 2 };
    this.#embed(batch, narrow);
    // The input is half as wide as the layers: its way past the first attention lifts it to their width.
    this.#become(this.#lift, narrow, this.#state, tokens);
    this.#attend(first, narrow, lengths, tokens);
    const widened = this.#widen(first, tokens);
    this.#addBias(first.narrow, this.#state, tokens);
    this.#matrices.addSparseProduct(widened, first.narrow.weights, this.#state);
    this.#attend(second, this.#state, lengths, tokens);
    this.#pool(this.#widen(second, tokens), lengths);
    this.#addBias(second.narrow, this.#sums, batch.length);
    this.#matrices.addProduct(this.#wideSums, second.narrow.weights, this.#sums, batch.length);
    return this.#finish(batch.length);
  }

  /** Each token's embedding, twice, and its place as sines and cosines. */
  #embed(batch: readonly (readonly number[])[], to: Rows): void {
    const { values } = this.#matrices;
    const half = this.#frequencies.length;
    let at = to.at;
    for (const ids of batch)
      for (const [place, id] of ids.entries()) {
        const from = id * to.stride;
        for (let i = 0; i < to.stride; i++) values[at + i] = 2 * this.#embeddings[from + i]!;
        for (let i = 0; i < half; i++) {
          const angle = place * this.#frequencies[i]!;
          values[at + i]! += Math.sin(angle);
          values[at + half + i]! += Math.cos(angle);
        }
        at += to.stride;
      }
  }

  #attend(layer: Layer, input: Rows, lengths: readonly number[], tokens: number): void {
    const width = input.stride;
    const normed: Rows = { at: this.#normed.at, stride: width };
    const mixed: Rows = { at: this.#wide.at, stride: 3 * width };
    const context: Rows = { at: this.#context.at, stride: width };
    this.#normalize(layer.norm, input, normed, tokens);
    this.#become(layer.queriesKeysValues, normed, mixed, tokens);
    this.#attention.run(mixed, context, lengths);
    this.#addBias(layer.mix, this.#state, tokens);
    this.#matrices.addProduct(context, layer.mix.weights, this.#state, tokens);
  }

  /** Nine in ten of these numbers are below zero and become zero. */
  #widen(layer: Layer, tokens: number): SparseRows {
    this.#normalize(layer.forwardNorm, this.#state, this.#normed, tokens);
    this.#become(layer.widen, this.#normed, this.#wide, tokens, { rectify: true });
    return this.#matrices.sparse(this.#wide, this.#wideOffsets, tokens);
  }

  /** Averages over each text's tokens, of the state and of what is to be added to it. */
  #pool({ numbers, offsets, counts }: SparseRows, lengths: readonly number[]): void {
    const { values, integers } = this.#matrices;
    let token = 0;
    for (const [text, length] of lengths.entries()) {
      const sums = this.#sums.at + text * this.#sums.stride;
      const wideSums = this.#wideSums.at + text * this.#wideSums.stride;
      values.fill(0, sums, sums + this.#sums.stride);
      values.fill(0, wideSums, wideSums + this.#wideSums.stride);
      for (const end = token + length; token < end; token++) {
        const state = this.#state.at + token * DIMENSIONS;
        for (let i = 0; i < DIMENSIONS; i++) values[sums + i]! += values[state + i]! / length;
        const from = numbers.at + token * numbers.stride;
        const places = offsets.at + token * offsets.stride;
        for (let i = 0; i < counts[token]!; i++)
          values[wideSums + integers[places + i]! / SPARSE_UNIT]! += values[from + i]! / length;
      }
    }
  }

  #finish(texts: number): Float32Array {
    this.#become(this.#last, this.#sums, this.#normed, texts);
    const vectors = this.#matrices.values.slice(this.#normed.at, this.#normed.at + texts * DIMENSIONS);
    for (let from = 0; from < vectors.length; from += DIMENSIONS) {
      let square = 0;
      for (let i = from; i < from + DIMENSIONS; i++) square += (vectors[i] = Math.tanh(vectors[i]!)) ** 2;
      const length = Math.sqrt(square);
      for (let i = from; i < from + DIMENSIONS; i++) vectors[i]! /= length;
    }
    return vectors;
  }

  #become(dense: Dense, from: Rows, to: Rows, rows: number, options?: { readonly rectify: boolean }): void {
    for (let row = 0; row < rows; row++) this.#matrices.values.set(dense.bias, to.at + row * to.stride);
    this.#matrices.addProduct(from, dense.weights, to, rows, options);
  }

  #addBias({ bias }: Dense, to: Rows, rows: number): void {
    const { values } = this.#matrices;
    for (let row = 0, at = to.at; row < rows; row++, at += to.stride)
      for (let i = 0; i < to.stride; i++) values[at + i]! += bias[i]!;
  }

  #normalize({ scale, bias }: Norm, from: Rows, to: Rows, rows: number): void {
    const { values } = this.#matrices;
    const width = from.stride;
    for (let row = 0; row < rows; row++) {
      const source = from.at + row * width;
      const target = to.at + row * width;
      let sum = 0;
      for (let i = 0; i < width; i++) sum += values[source + i]!;
      const mean = sum / width;
      let squares = 0;
      for (let i = 0; i < width; i++) squares += (values[source + i]! - mean) ** 2;
      const factor = 1 / Math.sqrt(squares / width + EPSILON);
      for (let i = 0; i < width; i++) values[target + i] = (values[source + i]! - mean) * factor * scale[i]! + bias[i]!;
    }
  }
}
