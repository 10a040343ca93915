export { type House } from "./house.ts";
export { readHouses, type RowProblem } from "./houses.ts";
export { type Quirks } from "./quirks.ts";
export {
  startTinyFishStandIn,
  type TinyFishStandIn,
  type TinyFishStandInOptions,
  type TinyFishStats,
} from "./stand-in.ts";
