import {
  add,
  advance,
  type Code,
  constant,
  fusedMultiplyAdd,
  get,
  isBelow,
  load,
  loadInteger,
  loadSplat,
  multiply,
  multiplyThenAdd,
  rectified,
  repeatWhile,
  set,
  store,
  subtract,
  type WasmFunction,
  wasmModule,
  when,
} from "./wasm-code.ts";
import { instantiate, isValid, type WasmMemory } from "./wasm-engine.ts";

/** Columns of a panel: two vectors. */
export const PANEL = 8;
/** Rows of a strip. With two vectors each these are 12 sums, and with what they are made of all registers of x86-64. */
export const STRIP = 6;
/** Panels that one number meets in a sparse product: eight sums, so that no addition waits for the one before. */
export const PANELS_AT_ONCE = 4;
/** Steps of the inner loop that are written out: the inner dimension must be a multiple of it. */
const UNROLLED = 4;
const FLOAT = 4;
const VECTOR = 16;
const PANEL_ROW = PANEL * FLOAT;
const HALVES = [0, 1] as const;

/** All addresses and strides are in bytes. */
export interface Kernels {
  /**
   * Adds to `count` strips of six rows of `sum`, eight columns wide, the product of as many rows of `left` with one
   * panel of `inner` rows. With `rectify`, what is negative then becomes 0.
   */
  readonly strips: DenseKernel;
  /** The same for `count` single rows. */
  readonly rows: DenseKernel;
  /**
   * Adds to one row of `sum`, four panels wide, the product of `count` numbers with the panels' rows at `offsets`; the
   * panels lie `panelSize` apart.
   */
  readonly sparse: (
    ...args: [offsets: number, numbers: number, count: number, panel: number, panelSize: number, sum: number]
  ) => void;
}
type DenseKernel = (
  ...args: [
    ...[left: number, leftStride: number, panel: number, sum: number, sumStride: number],
    ...[inner: number, count: number, rectify: 0 | 1],
  ]
) => void;

type MultiplyAdd = (a: Code, b: Code, c: Code) => Code;
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

function denseKernel(name: string, rows: number, multiplyAdd: MultiplyAdd): WasmFunction {
  const [left, leftStride, panel, sum, sumStride, inner, count, rectify] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
  const [at, end] = [8, 9] as const;
  const leftAt = (row: number) => 10 + row;
  const number = 10 + rows;
  const vector = (half: number) => number + 1 + half;
  const total = (row: number, half: number) => number + 3 + 2 * row + half;
  const eachRow = (code: (row: number) => Code): Code => range(rows).map(code);
  const eachTotal = (code: (row: number, half: number) => Code): Code =>
    eachRow((row) => HALVES.map((half) => code(row, half)));
  const sumAt = (row: number) => add(get(sum), multiply(get(sumStride), constant(row)));

  const step = (index: number): Code => [
    HALVES.map((half) => set(vector(half), load(get(at), index * PANEL_ROW + half * VECTOR))),
    eachRow((row) => [
      set(number, loadSplat(get(leftAt(row)), index * FLOAT)),
      HALVES.map((half) => set(total(row, half), multiplyAdd(get(number), get(vector(half)), get(total(row, half))))),
    ]),
  ];
  const body = repeatWhile(get(count), [
    eachRow((row) => set(leftAt(row), add(get(left), multiply(get(leftStride), constant(row))))),
    eachTotal((row, half) => set(total(row, half), load(sumAt(row), half * VECTOR))),
    set(at, get(panel)),
    set(end, add(get(panel), multiply(get(inner), constant(PANEL_ROW)))),
    repeatWhile(isBelow(get(at), get(end)), [
      range(UNROLLED).map(step),
      eachRow((row) => advance(leftAt(row), UNROLLED * FLOAT)),
      advance(at, UNROLLED * PANEL_ROW),
    ]),
    when(
      get(rectify),
      eachTotal((row, half) => set(total(row, half), rectified(get(total(row, half))))),
    ),
    eachTotal((row, half) => store(sumAt(row), half * VECTOR, get(total(row, half)))),
    set(left, add(get(left), multiply(get(leftStride), constant(rows)))),
    set(sum, add(get(sum), multiply(get(sumStride), constant(rows)))),
    set(count, subtract(get(count), constant(1))),
  ]);
  return { name, parameters: 8, integers: 2 + rows, vectors: 3 + 2 * rows, body };
}

function sparseKernel(multiplyAdd: MultiplyAdd): WasmFunction {
  const [offsets, numbers, count, panel, panelSize, sum] = [0, 1, 2, 3, 4, 5] as const;
  const [end, at] = [6, 7] as const;
  const number = 8;
  const total = (index: number, half: number) => 9 + 2 * index + half;
  const eachPanel = (code: (index: number, half: number) => Code, after: Code = []): Code =>
    range(PANELS_AT_ONCE).map((index) => [HALVES.map((half) => code(index, half)), after]);
  const sumOffset = (index: number, half: number) => index * PANEL_ROW + half * VECTOR;
  const body = [
    eachPanel((index, half) => set(total(index, half), load(get(sum), sumOffset(index, half)))),
    set(end, add(get(offsets), multiply(get(count), constant(FLOAT)))),
    repeatWhile(isBelow(get(offsets), get(end)), [
      set(at, add(get(panel), loadInteger(get(offsets)))),
      set(number, loadSplat(get(numbers), 0)),
      eachPanel(
        (index, half) =>
          set(total(index, half), multiplyAdd(get(number), load(get(at), half * VECTOR), get(total(index, half)))),
        set(at, add(get(at), get(panelSize))),
      ),
      advance(offsets, FLOAT),
      advance(numbers, FLOAT),
    ]),
    eachPanel((index, half) => store(get(sum), sumOffset(index, half), get(total(index, half)))),
  ];
  return { name: "sparse", parameters: 6, integers: 2, vectors: 1 + 2 * PANELS_AT_ONCE, body };
}

/** @param fused false for processors whose engine knows no fused multiply and add: half the speed, the same to 6 digits */
export function loadKernels(memory: WasmMemory, fused = true): Kernels {
  const build = (multiplyAdd: MultiplyAdd) =>
    wasmModule([
      denseKernel("strips", STRIP, multiplyAdd),
      denseKernel("rows", 1, multiplyAdd),
      sparseKernel(multiplyAdd),
    ]);
  const best = build(fusedMultiplyAdd);
  return instantiate(fused && isValid(best) ? best : build(multiplyThenAdd), memory) as unknown as Kernels;
}
