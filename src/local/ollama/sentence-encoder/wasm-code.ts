/**
 * As much of WebAssembly's binary format as a numeric inner loop needs, as functions that nest like the text format's
 * expressions. Names are those of https://webassembly.github.io/spec/core/text/instructions.html
 */
export type Code = readonly (number | Code)[];

const I32 = 0x7f;
const V128 = 0x7b;

/** LEB128 without a sign; indices, lengths and offsets have none. */
const unsigned = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))];
/** LEB128 of a number that is not negative, with room for the sign that constants have. */
const positive = (value: number): number[] =>
  value < 64 ? [value] : [(value & 127) | 128, ...positive(Math.floor(value / 128))];
const flat = (code: readonly unknown[]): number[] => code.flat(Infinity) as number[];
const sized = (code: Code): Code => {
  const bytes = flat(code);
  return [unsigned(bytes.length), bytes];
};
const list = (items: readonly Code[]): Code => [unsigned(items.length), items];
const section = (id: number, items: readonly Code[]): Code => [id, sized(list(items))];
const name = (text: string): Code => sized([...new TextEncoder().encode(text)]);

/** A variable of a function; its parameters come first. */
export type Local = number;
export const get = (local: Local): Code => [0x20, unsigned(local)];
export const set = (local: Local, value: Code): Code => [value, 0x21, unsigned(local)];
export const constant = (value: number): Code => [0x41, positive(value)];
export const add = (a: Code, b: Code): Code => [a, b, 0x6a];
export const subtract = (a: Code, b: Code): Code => [a, b, 0x6b];
export const multiply = (a: Code, b: Code): Code => [a, b, 0x6c];
export const isBelow = (a: Code, b: Code): Code => [a, b, 0x49];
/** Adds a constant to a variable. */
export const advance = (local: Local, by: number): Code => set(local, add(get(local), constant(by)));
/** The body runs once at least, and again while the condition holds. */
export const repeatWhile = (condition: Code, body: Code): Code => [0x03, 0x40, body, condition, 0x0d, 0, 0x0b];
export const when = (condition: Code, body: Code): Code => [condition, 0x04, 0x40, body, 0x0b];
export const loadInteger = (address: Code): Code => [address, 0x28, 2, 0];

const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];
/** Four numbers from memory. */
export const load = (address: Code, offset: number): Code => [address, simd(0x00), 2, unsigned(offset)];
/** One number from memory, four times. */
export const loadSplat = (address: Code, offset: number): Code => [address, simd(0x09), 2, unsigned(offset)];
export const store = (address: Code, offset: number, value: Code): Code => [
  [address, value, simd(0x0b)],
  [2, unsigned(offset)],
];
/** Four times the larger of a number and zero. */
export const rectified = (value: Code): Code => [simd(0x0c), new Array<number>(16).fill(0), value, simd(0xeb)];
/** `a · b + c`, rounded once, where the processor can; else like {@link multiplyThenAdd}. */
export const fusedMultiplyAdd = (a: Code, b: Code, c: Code): Code => [a, b, c, simd(0x105)];
export const multiplyThenAdd = (a: Code, b: Code, c: Code): Code => [a, b, simd(0xe6), c, simd(0xe4)];

export interface WasmFunction {
  readonly name: string;
  /** Integers all. */
  readonly parameters: number;
  /** Further variables: integers first, then vectors. */
  readonly integers: number;
  readonly vectors: number;
  readonly body: Code;
}

/** A module of functions without results, over the memory `host.memory`. */
export function wasmModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [0x60, list(new Array<Code>(parameters).fill([I32])), list([])]);
  const bodies = functions.map(({ integers, vectors, body }) => {
    const locals = [
      [unsigned(integers), I32],
      [unsigned(vectors), V128],
    ];
    return sized([list(locals), body, 0x0b]);
  });
  const module: Code = [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, types),
    section(2, [[name("host"), name("memory"), 0x02, 0x00, 1]]),
    section(
      3,
      functions.map((_, index) => unsigned(index)),
    ),
    section(
      7,
      functions.map((each, index) => [name(each.name), 0x00, unsigned(index)]),
    ),
    section(10, bodies),
  ];
  return new Uint8Array(flat(module));
}
