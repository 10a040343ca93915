import { loadKernels, PANEL, PANELS_AT_ONCE, STRIP } from "./kernels.ts";
import { newMemory } from "./wasm-engine.ts";

const FLOAT = 4;
const PAGE = 65_536;
/** Rows that meet a panel before the next one comes: panel and rows stay in the processor's nearest caches. */
const BLOCK = 8 * STRIP;

/** Rows of numbers in the kernels' memory. */
export interface Rows {
  /** First number, counted in numbers. */
  readonly at: number;
  /** Numbers from one row to the next. */
  readonly stride: number;
}

/** The right side of products: eight columns at a time, row after row. */
export interface Panels {
  readonly at: number;
  /** A multiple of 4. */
  readonly inner: number;
  /** A multiple of 8. */
  readonly columns: number;
}

/** Rows that are mostly zeros, without these: each row's numbers, and where they stood. */
export interface SparseRows {
  readonly numbers: Rows;
  /** Integers: the place times {@link SPARSE_UNIT}. */
  readonly offsets: Rows;
  readonly counts: readonly number[];
}
export const SPARSE_UNIT = PANEL * FLOAT;

/** Memory that grows and never shrinks, and products of what is in it. */
export class Matrices {
  readonly #memory = newMemory();
  readonly #kernels: ReturnType<typeof loadKernels>;
  #used = 0;
  #values = new Float32Array(this.#memory.buffer);
  #integers = new Int32Array(this.#memory.buffer);

  constructor(options: { readonly fused?: boolean } = {}) {
    this.#kernels = loadKernels(this.#memory, options.fused);
  }

  /** All numbers. Another array after each {@link reserve}. */
  get values(): Float32Array<ArrayBuffer> {
    return this.#values;
  }

  get integers(): Int32Array {
    return this.#integers;
  }

  reserve(rows: number, stride: number): Rows {
    const at = this.#used;
    this.#used += rows * stride;
    const missing = Math.ceil((this.#used * FLOAT - this.#memory.buffer.byteLength) / PAGE);
    if (missing > 0) this.#memory.grow(missing);
    this.#values = new Float32Array(this.#memory.buffer);
    this.#integers = new Int32Array(this.#memory.buffer);
    return { at, stride };
  }

  /** @param matrix `inner` rows of `columns` */
  pack(matrix: Float32Array, inner: number, columns: number): Panels {
    const { at } = this.reserve(inner, columns);
    let to = at;
    for (let column = 0; column < columns; column += PANEL)
      for (let row = 0; row < inner; row++)
        for (let i = 0, from = row * columns + column; i < PANEL; i++) this.#values[to++] = matrix[from + i]!;
    return { at, inner, columns };
  }

  /** Adds to `count` rows of `sum` the product of as many rows of `left` with `right`; then, to `rectify`, no negatives. */
  addProduct(left: Rows, right: Panels, sum: Rows, count: number, options: { readonly rectify?: boolean } = {}): void {
    const { strips, rows } = this.#kernels;
    const { inner, columns } = right;
    const rectify = options.rectify ? 1 : 0;
    const [leftStride, sumStride] = [left.stride * FLOAT, sum.stride * FLOAT];
    for (let from = 0; from < count; from += BLOCK) {
      const block = Math.min(BLOCK, count - from);
      const whole = Math.floor(block / STRIP);
      const done = whole * STRIP;
      for (let column = 0; column < columns; column += PANEL) {
        const panel = (right.at + column * inner) * FLOAT;
        const a = left.at * FLOAT + from * leftStride;
        const c = (sum.at + column) * FLOAT + from * sumStride;
        if (whole > 0) strips(a, leftStride, panel, c, sumStride, inner, whole, rectify);
        if (block > done)
          rows(a + done * leftStride, leftStride, panel, c + done * sumStride, sumStride, inner, block - done, rectify);
      }
    }
  }

  /** Drops the zeros of the rows, in place. @param offsets room for as many integers */
  sparse(rows: Rows, offsets: Rows, count: number): SparseRows {
    const counts: number[] = [];
    for (let row = 0; row < count; row++) {
      const from = rows.at + row * rows.stride;
      const start = offsets.at + row * offsets.stride;
      let found = 0;
      for (let i = 0; i < rows.stride; i++) {
        const value = this.#values[from + i]!;
        if (value === 0) continue;
        this.#values[from + found] = value;
        this.#integers[start + found++] = i * SPARSE_UNIT;
      }
      counts.push(found);
    }
    return { numbers: rows, offsets, counts };
  }

  /** Adds to the rows of `sum` the product of as many sparse rows with `right`, whose columns are a multiple of 32. */
  addSparseProduct({ numbers, offsets, counts }: SparseRows, right: Panels, sum: Rows): void {
    const panelSize = right.inner * PANEL * FLOAT;
    for (let column = 0; column < right.columns; column += PANEL * PANELS_AT_ONCE) {
      const panel = (right.at + column * right.inner) * FLOAT;
      for (const [row, count] of counts.entries()) {
        if (count === 0) continue;
        const [from, start] = [numbers.at + row * numbers.stride, offsets.at + row * offsets.stride];
        const to = sum.at + row * sum.stride + column;
        this.#kernels.sparse(start * FLOAT, from * FLOAT, count, panel, panelSize, to * FLOAT);
      }
    }
  }
}
