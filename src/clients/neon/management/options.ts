import {
  type CallRunner,
  type CallSpec,
  type Clock,
  DEFAULT_DEADLINE_MS,
  directRunner,
  type FetchLike,
  type Random,
  revealSecret,
  type Secret,
  systemClock,
  systemRandom,
  MAX_TIMER_MS,
  OptionCheck,
} from "../../../core/index.ts";
import { type BackupPolicy } from "./backup-schedule.ts";

/** Breaker, budget and metrics of the management API are its own: its outages say nothing about the database. */
export const MANAGEMENT_SERVICE = "neon-management";

/**
 * What Neon allows one account is 700 requests a minute, and 40 a second per route. Bucket and refill together stay
 * below it: at most 30 + 660 in any minute, 10 + 30 in any second.
 *
 * @see https://api-docs.neon.tech/reference/getting-started-with-neon-api#api-rate-limiting
 */
export const managementLimit = [
  { name: "minute", requests: 660, windowMs: 60_000, burst: 30 },
  { name: "second", requests: 30, windowMs: 1_000, burst: 10 },
] as const;

export interface NeonAdminOptions {
  /** The project, e.g. `quiet-river-12345678` (NEON_PROJECT_ID). */
  readonly projectId: string;
  /** A project's key is enough, and safer than an account's (NEON_API_KEY). */
  readonly apiKey: string | Secret;
  /** Name or id of the branch that is meant where a call names none (NEON_BRANCH). @defaultValue "main" */
  readonly branch?: string | undefined;
  /** @defaultValue https://console.neon.tech/api/v2 */
  readonly apiUrl?: string | undefined;
  /** Database of {@link NeonAdmin.connectionUri} (NEON_DATABASE). @defaultValue "neondb" */
  readonly database?: string | undefined;
  /** Role of {@link NeonAdmin.connectionUri}. @defaultValue "neondb_owner" */
  readonly role?: string | undefined;
  /** What {@link NeonAdmin.applyBackupPolicy} brings about (BACKUP_*, POINT_IN_TIME_RECOVERY). @defaultValue none */
  readonly backup?: BackupPolicy | undefined;
  /** The policies that each request runs under. @defaultValue one attempt under a deadline */
  readonly runner?: CallRunner | undefined;
  /** The limit that each request is charged to, if the runner keeps any. @defaultValue none */
  readonly limit?: NonNullable<CallSpec["limit"]> | undefined;
  /** Deadline of one request, ms, 1 to 2,147,483,647. @defaultValue 30,000 */
  readonly requestTimeoutMs?: number | undefined;
  /** Deadline of a whole call, the wait for Neon's operations included, ms, 1 to 2,147,483,647. @defaultValue 300,000 */
  readonly waitTimeoutMs?: number | undefined;
  /** @defaultValue the global `fetch`, looked up per request */
  readonly fetch?: FetchLike | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

export type ResolvedNeonAdminOptions = Required<
  Omit<{ readonly [K in keyof NeonAdminOptions]: Exclude<NeonAdminOptions[K], undefined> }, "apiKey" | Optional>
> &
  Pick<NeonAdminOptions, Optional> & { readonly apiKey: string };
type Optional = "backup" | "limit" | "fetch";

const defaults = {
  branch: "main",
  apiUrl: "https://console.neon.tech/api/v2",
  database: "neondb",
  role: "neondb_owner",
  requestTimeoutMs: DEFAULT_DEADLINE_MS,
  waitTimeoutMs: 300_000,
} as const;

/** @throws IntegrationError `INVALID_INPUT` naming every wrong option */
export function resolveAdminOptions(options: NeonAdminOptions): ResolvedNeonAdminOptions {
  const { clock = systemClock, random = systemRandom, backup, limit, fetch } = options;
  const resolved: ResolvedNeonAdminOptions = {
    projectId: options.projectId,
    apiKey: revealSecret(options.apiKey ?? ""),
    branch: options.branch ?? defaults.branch,
    apiUrl: (options.apiUrl ?? defaults.apiUrl).replace(/\/+$/, ""),
    database: options.database ?? defaults.database,
    role: options.role ?? defaults.role,
    requestTimeoutMs: options.requestTimeoutMs ?? defaults.requestTimeoutMs,
    waitTimeoutMs: options.waitTimeoutMs ?? defaults.waitTimeoutMs,
    runner: options.runner ?? directRunner({ clock }),
    ...{ clock, random, backup, limit, fetch },
  };
  checkOptions(resolved);
  return resolved;
}

function checkOptions(options: ResolvedNeonAdminOptions): void {
  const check = new OptionCheck("NeonAdmin", MANAGEMENT_SERVICE);
  if (!/^[a-z0-9-]{1,60}$/i.test(options.projectId ?? ""))
    check.problem("projectId must be a project's id such as quiet-river-12345678");
  if (!/^[\x21-\x7e]+$/.test(options.apiKey)) check.problem("apiKey must be an API key: printable, without spaces");
  if (!/^https?:$/.test(URL.parse(options.apiUrl)?.protocol ?? "")) check.problem("apiUrl must be an http(s) URL");
  for (const name of ["branch", "database", "role"] as const)
    if (options[name] === "") check.problem(`${name} must not be empty; leave it out for "${defaults[name]}"`);
  const time = { min: 1, max: MAX_TIMER_MS };
  check.numbers(options, { requestTimeoutMs: time, waitTimeoutMs: time });
  check.throwIfAny();
}
