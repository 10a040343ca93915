/** The worker's file: beside us as a source, or beside the bundle that we were built into. */
export function workerUrl(): URL {
  const isSource = new URL(import.meta.url).pathname.endsWith(".ts");
  return isSource ? new URL("../../pglite-worker.ts", import.meta.url) : new URL("./pglite-worker.js", import.meta.url);
}
