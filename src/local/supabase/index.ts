export { startSupabaseStandIn, type SupabaseStandIn, type SupabaseStandInOptions } from "./stand-in.ts";
