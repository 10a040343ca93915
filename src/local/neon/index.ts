export { startLocalPostgres, type LocalPostgres, type LocalPostgresOptions } from "./local-postgres.ts";
export { startNeonStandIn, type NeonStandIn, type NeonStandInOptions, type NeonStandInStats } from "./stand-in.ts";
