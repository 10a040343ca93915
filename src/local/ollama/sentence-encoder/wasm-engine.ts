export interface WasmMemory {
  /** Another one after each {@link grow}. */
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What we use of the engine: its types come with a browser's only. */
const engine = (
  globalThis as unknown as {
    readonly WebAssembly: {
      readonly Memory: new (options: { readonly initial: number }) => WasmMemory;
      readonly Module: new (bytes: Uint8Array) => object;
      readonly Instance: new (module: object, imports: object) => { readonly exports: object };
      validate(bytes: Uint8Array): boolean;
    };
  }
).WebAssembly;

/** One page, 64 KiB. */
export const newMemory = (): WasmMemory => new engine.Memory({ initial: 1 });
/** False if this engine does not know all of the module's instructions. */
export const isValid = (module: Uint8Array): boolean => engine.validate(module);
/** @returns the module's functions */
export const instantiate = (module: Uint8Array, memory: WasmMemory): object =>
  new engine.Instance(new engine.Module(module), { host: { memory } }).exports;
