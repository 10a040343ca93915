import { type Clock, type IntegrationError, type Random, type Redact } from "../../core/index.ts";
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
  readonly redact: Redact | undefined;
  /** Somebody asks for a connection. */
  readonly onWanted: (cause: WakeUpCause, now: number) => void;
  readonly onLent: (cause: WakeUpCause, now: number) => void;
  readonly onReturned: (now: number) => void;
  /** The server finished a statement, be it with an error. */
  readonly onAnswer: (now: number) => void;
  readonly onConnectFailed: (error: IntegrationError) => void;
}
