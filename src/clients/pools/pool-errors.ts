import { IntegrationError } from "../../core/index.ts";
import { type PoolLimits } from "./pool-options.ts";

export function closedError(pool: string): IntegrationError {
  return new IntegrationError({ code: "CLOSED", message: `the pool ${pool} is closed`, service: "neon" });
}

export function tooManyWaitError({ max, maxWaiting }: PoolLimits): IntegrationError {
  return refusal(
    "QUEUE_FULL",
    `all ${max} connections are busy and ${maxWaiting} callers wait already (maxWaiting); raise max, shorten transactions, or send less`,
  );
}

/** Why nothing came in time: all were busy, or none could be made. */
export function noConnectionError(limits: PoolLimits, waiting: number, isBusy: boolean): IntegrationError {
  const { max, connectionTimeoutMs } = limits;
  return isBusy
    ? refusal(
        "QUEUE_FULL",
        `all ${max} connections stayed busy for ${connectionTimeoutMs} ms (${waiting} callers wait); raise max, or shorten transactions`,
      )
    : refusal(
        "NETWORK",
        `no connection to the database within ${connectionTimeoutMs} ms; if it wakes up slowly, raise connectionTimeoutMs`,
      );
}

export function readOnlyError(pool: string, reason: string): IntegrationError {
  return new IntegrationError({
    code: "READ_ONLY",
    message: `the database takes no writes now (${reason}); reads may go on, the pool ${pool} asks for it in the background`,
    service: "neon",
    notSent: true,
  });
}

function refusal(code: "QUEUE_FULL" | "NETWORK", message: string): IntegrationError {
  return new IntegrationError({ code, message, service: "neon", operation: "connect", notSent: true });
}
