export { ManagementStandIn, type ManagementStandInOptions } from "./stand-in.ts";
