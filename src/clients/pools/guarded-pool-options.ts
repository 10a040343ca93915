import { type Clock, type IntegrationError, type Random } from "../../core/index.ts";
import { type ConnectionTarget } from "../neon/connection-string.ts";
import { type PoolTransport } from "./drivers.ts";
import { type PoolLimits } from "./pool-options.ts";
import { type PoolReport } from "./pool-report.ts";
import { type WakeUpCause } from "./pool-statistics.ts";

export interface GuardedPoolOptions {
  readonly name: string;
  readonly target: ConnectionTarget;
  readonly transport: PoolTransport;
  readonly limits: PoolLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: PoolReport;
  /** Somebody asks for a connection. */
  readonly onWanted: (cause: WakeUpCause) => void;
  readonly onLent: (cause: WakeUpCause) => void;
  readonly onReturned: () => void;
  /** The server finished a statement, be it with an error. */
  readonly onAnswer: () => void;
  readonly onConnectFailed: (error: IntegrationError) => void;
}
