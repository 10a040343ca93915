import { readFile } from "node:fs/promises";
import { join } from "node:path";

interface Manifest {
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
  }[];
}

/** The numbers of a TensorFlow.js model, by the names that its graph gives them. */
export class Weights {
  readonly #tensors = new Map<string, { readonly shape: readonly number[]; readonly values: Float32Array }>();

  /** @throws Error if the folder holds no such model */
  static async read(folder: string): Promise<Weights> {
    const { weightsManifest } = JSON.parse(await readFile(join(folder, "model.json"), "utf8")) as Manifest;
    const weights = new Weights();
    for (const { paths, weights: parts } of weightsManifest) {
      // Joined before they are read: a number may begin in one file and end in the next.
      const shards = await Promise.all(paths.map((path) => readFile(join(folder, path))));
      const bytes = new Uint8Array(shards.reduce((sum, shard) => sum + shard.length, 0));
      let offset = 0;
      for (const shard of shards) {
        bytes.set(shard, offset);
        offset += shard.length;
      }
      offset = 0;
      for (const { name, shape, dtype } of parts) {
        if (dtype !== "float32" && dtype !== "int32") throw new Error(`the weight ${name} is ${dtype}, not float32`);
        const size = shape.reduce((product, length) => product * length, 1);
        if (dtype === "float32")
          weights.#tensors.set(name, { shape, values: new Float32Array(bytes.buffer, offset, size) });
        offset += size * Float32Array.BYTES_PER_ELEMENT;
      }
    }
    return weights;
  }

  /** @throws Error unless exactly one name ends so and holds `within` */
  get(ending: string, within = ""): { readonly shape: readonly number[]; readonly values: Float32Array } {
    const names = [...this.#tensors.keys()].filter((name) => name.endsWith(ending) && name.includes(within));
    if (names.length !== 1) throw new Error(`the model has ${names.length} weights ${within}…${ending} instead of one`);
    return this.#tensors.get(names[0]!)!;
  }
}
