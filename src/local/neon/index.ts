export { startNeonStandIn, type NeonStandIn, type NeonStandInOptions, type NeonStandInStats } from "./stand-in.ts";
