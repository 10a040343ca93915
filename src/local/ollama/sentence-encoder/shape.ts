/** Numbers of a vector. */
export const DIMENSIONS = 512;
/** The model saw no longer texts; the rest is cut off. */
export const MAX_TOKENS = 128;
export const HEADS = 4;
