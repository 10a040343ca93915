/** Turns texts into vectors of unit length; the stand-in's answer to `/api/embed`. */
export interface Embedder {
  readonly kind: "english" | "hashing";
  readonly dimensions: number;
  /** Loads what must be loaded, so that the first call is not the slow one. */
  warm(): Promise<void>;
  /** What has not begun when the signal fires is not done; rejects with its reason then. */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<number[][]>;
  close(): Promise<void>;
}

/** Scales to length 1, in place. What has no direction gets the first axis: the zero vector is near to nothing, not even itself. */
export function normalize(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  if (length === 0) vector[0] = 1;
  else for (let i = 0; i < vector.length; i += 1) vector[i]! /= length;
  return vector;
}
