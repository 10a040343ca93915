export { DataApiStandIn, type DataApiStandInOptions } from "./stand-in.ts";
