import {
  type CallRunner,
  type CallSpec,
  type Clock,
  DEFAULT_DEADLINE_MS,
  directRunner,
  type EventBus,
  type FetchLike,
  revealSecret,
  type Secret,
  systemClock,
  type TokenVerifier,
  MAX_TIMER_MS,
  OptionCheck,
} from "../../core/index.ts";

export interface SupabaseClientOptions {
  /** The project's URL, e.g. `https://<ref>.supabase.co`. */
  readonly url: string;
  /** `sb_publishable_…`, or the older `anon` key. */
  readonly publishableKey: string | Secret;
  /** `sb_secret_…`, or the older `service_role` key: all rights. Without it, what needs it is `FEATURE_DISABLED`. @defaultValue none */
  readonly secretKey?: string | Secret | undefined;
  /** @defaultValue `<url>/storage/v1` */
  readonly storageUrl?: string | undefined;
  /** Judges access tokens, e.g. a `SupabaseTokenVerifier`. Without it `auth.verify` is `FEATURE_DISABLED`. @defaultValue none */
  readonly verifier?: TokenVerifier | undefined;
  /** The policies that calls run under. @defaultValue one attempt under a deadline, nothing more */
  readonly runner?: CallRunner | undefined;
  readonly fetch?: FetchLike | undefined;
  readonly clock?: Clock | undefined;
  readonly events?: EventBus | undefined;
  /** Deadline of a call, ms, 1 to 2,147,483,647. @defaultValue 30 000 */
  readonly requestTimeoutMs?: number | undefined;
  /** Deadline of an upload or a download, ms, 1 to 2,147,483,647. @defaultValue 120 000 */
  readonly transferTimeoutMs?: number | undefined;
  /** Named limits that attempts are charged to, if the runner keeps any. @defaultValue none */
  readonly limits?: SupabaseLimits | undefined;
}

/** The service limits sign-ins by address, and all users behind one server share one: stay below it. */
export interface SupabaseLimits {
  /** Sign-up, sign-in and refresh. */
  readonly auth?: NonNullable<CallSpec["limit"]> | undefined;
  readonly upload?: NonNullable<CallSpec["limit"]> | undefined;
}

const defaults = { requestTimeoutMs: DEFAULT_DEADLINE_MS, transferTimeoutMs: 120_000 } as const;

export interface ResolvedSupabaseOptions {
  readonly url: string;
  readonly authUrl: string;
  readonly storageUrl: string;
  readonly publishableKey: string;
  readonly secretKey: string | undefined;
  readonly verifier: TokenVerifier | undefined;
  readonly runner: CallRunner;
  readonly fetch: FetchLike | undefined;
  readonly clock: Clock;
  readonly events: EventBus | undefined;
  readonly requestTimeoutMs: number;
  readonly transferTimeoutMs: number;
  readonly limits: SupabaseLimits;
}

/** @throws IntegrationError `INVALID_INPUT` naming every wrong option */
export function resolveOptions(options: SupabaseClientOptions): ResolvedSupabaseOptions {
  const { clock = systemClock, verifier, fetch, events, limits = {} } = options;
  const url = withoutSlash(options.url);
  const resolved: ResolvedSupabaseOptions = {
    url,
    authUrl: `${url}/auth/v1`,
    storageUrl: withoutSlash(options.storageUrl ?? `${url}/storage/v1`),
    publishableKey: revealSecret(options.publishableKey ?? ""),
    secretKey: options.secretKey === undefined ? undefined : revealSecret(options.secretKey),
    verifier,
    runner: options.runner ?? directRunner({ clock }),
    fetch,
    clock,
    events,
    limits,
    requestTimeoutMs: options.requestTimeoutMs ?? defaults.requestTimeoutMs,
    transferTimeoutMs: options.transferTimeoutMs ?? defaults.transferTimeoutMs,
  };
  checkOptions(resolved);
  return resolved;
}

function checkOptions(options: ResolvedSupabaseOptions): void {
  const check = new OptionCheck("SupabaseClient", "supabase");
  for (const name of ["url", "storageUrl"] as const)
    if (!/^https?:$/.test(URL.parse(options[name])?.protocol ?? "")) check.problem(`${name} must be an http(s) URL`);
  for (const name of ["publishableKey", "secretKey"] as const) {
    const key = options[name];
    if (key !== undefined && !isHeaderSafe(key)) check.problem(`${name} must be an API key: printable, without spaces`);
  }
  if (options.publishableKey.startsWith("sb_secret_")) check.problem("publishableKey must not be a secret key");
  if (options.secretKey?.startsWith("sb_publishable_")) check.problem("secretKey must not be a publishable key");
  const time = { min: 1, max: MAX_TIMER_MS };
  check.numbers(options, { requestTimeoutMs: time, transferTimeoutMs: time });
  check.throwIfAny();
}

/** Keys and tokens travel in headers; what does not fit there would come back in fetch's own error message. */
export function isHeaderSafe(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
}

function withoutSlash(url: unknown): string {
  return typeof url === "string" ? url.replace(/\/+$/, "") : "";
}
