// A process of its own: the local Neon before the PostgreSQL of argv[2], so that its work is not done in the loop of the
// client that is watched. Prints its connection string. Ends with the process that started it.
import { FaultPlan, startLocalStack } from "enhanced-integration/local";

const stack = await startLocalStack({ engine: "postgres", postgresUrl: process.argv[2]!, faults: new FaultPlan() });
process.stdout.write(`${stack.env["NEON_CONNECTION_STRING"]}\n`);
process.stdin.resume().on("end", () => process.exit());
