export {
  startOllamaStandIn,
  type OllamaStandIn,
  type OllamaStandInOptions,
  type OllamaStandInStats,
} from "./stand-in.ts";
export { type StreamBreak } from "./stream-breaks.ts";
