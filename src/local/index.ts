export { startLocalStack, type LocalStack, type LocalStackOptions } from "./stack.ts";
export { FaultPlan, type Fault, type FaultHandle, type FaultOptions, type StandInName } from "./faults.ts";
export { startLocalPostgres, type LocalPostgres, type LocalPostgresOptions } from "./neon/index.ts";
export { readHouses, type House } from "./tinyfish/index.ts";
export { sampleDataFile } from "./sample-data.ts";
