// One process of a fleet, for fleet-breakers.test.ts: does what it is told over IPC and says what came of it.
import { Redis } from "ioredis";
import { CircuitBreaker } from "../../../src/resilience/circuit-breaker.ts";
import { FleetBreakers } from "../../../src/resilience/fleet/fleet-breakers.ts";

const [port, ...flags] = process.argv.slice(2).map(Number);
const client = new Redis(port ?? 0, "127.0.0.1");
const breaker = new CircuitBreaker({ service: "maps", minimumCalls: 3, breakMs: flags[0] ?? 0, halfOpenPermits: 1 });
const fleet = new FleetBreakers({ client, pollMs: 20 });
fleet.join(breaker);
await fleet.start();

const commands: Record<string, () => Promise<unknown>> = {
  state: async () => breaker.state,
  fail: () => breaker.run(() => Promise.reject(Object.assign(new Error("reset"), { code: "ECONNRESET" }))),
  succeed: () => breaker.run(async () => "served"),
};
process.on("message", (command: string) => {
  const answer = async () => commands[command]?.();
  const reply = (value: unknown) => process.send?.(value);
  answer().then(reply, (error: { code?: string }) => reply(error.code));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
