import { type Env } from "../../../../src/config/index.ts";
import { seededRandom } from "../../../../src/testing/index.ts";
import { wideOpenEnvironment } from "../../../support/environment.ts";

/**
 * Begins and ends every canary, and occurs nowhere else: what is left of one that was cut in half is found by it too. The
 * search knows nothing of how secrets are taken out.
 */
const MARK = "zQ9xJ7wK";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const hexOf = (text: string) => Buffer.from(text).toString("hex");
const hex = hexOf(MARK);
/** By a text's place among the bytes; the signs that neighbours decide are left out. */
const cores = (text: string) => [
  base64(text).slice(0, Math.floor((text.length * 8) / 6)),
  base64(`.${text}`).slice(2, Math.floor(((text.length + 1) * 8) / 6)),
  base64(`..${text}`).slice(3, Math.floor(((text.length + 2) * 8) / 6)),
];
const once = [hex, hex.toUpperCase(), ...cores(MARK)];
const marks = new RegExp(
  [
    MARK,
    // As bytes are shown: run together, with blanks or colons.
    `(?:${(hex.match(/../g) ?? []).join("[ :]?")})`,
    `(?:${(hex.toUpperCase().match(/../g) ?? []).join("[ :]?")})`,
    [...Buffer.from(MARK)].join(", ?"),
    ...once,
    ...[MARK, ...once].flatMap((text) => [...cores(text), hexOf(text), hexOf(text).toUpperCase()]),
  ].join("|"),
);

/** Whether a text holds a canary, or a good part of one, in any spelling. */
export const holdsCanary = (text: string): boolean => marks.test(text);

/** The same canaries and the same failures in every run of one seed. */
export class Chance {
  readonly #random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  upTo(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.upTo(list.length)]!;
  }

  text(alphabet: string, length: number): string {
    const signs = [...alphabet];
    return Array.from({ length }, () => this.pick(signs)).join("");
  }
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const KEY_SIGNS = `${LETTERS}-_/+=%.~!$&'()*:;@`;
/** What passwords and signing secrets may hold beside: what each encoding writes in another way. */
const ANY_SIGNS = `${LETTERS}-_/+=%.~!$&'()*:;@ "\\<#?é€𝄞`;

/** Forty secrets, the settings that hold most of them, and those that a host would add. */
export interface Planted {
  readonly env: Env;
  /** What services say: each canary as whoever repeats it knows it. */
  readonly canaries: readonly string[];
  readonly slackUrl: (origin: string) => string;
  readonly pagerDutyKey: string;
  readonly alertmanagerToken: string;
  readonly webhookSecret: string;
  readonly hostKeys: readonly string[];
}

/** @param seed another seed, other canaries */
export function plant(seed: number): Planted {
  const chance = new Chance(seed);
  const secret = (length: number, signs: string) => `${MARK}${chance.text(signs, length - 2 * MARK.length)}${MARK}`;
  const key = () => secret(40, KEY_SIGNS);
  const password = () => secret(30, ANY_SIGNS);
  const list = () => Array.from({ length: 5 }, () => secret(44, ANY_SIGNS));
  const passwords = { neon: password(), direct: password(), replica: password(), redis: password() };
  const keys = { neonApi: key(), anon: key(), service: key(), tinyfish: key(), maps: key(), sendgrid: key() };
  const stripe = { key: key(), webhook: key() };
  const token = [30, 60, 43].map((length) => secret(length, `${LETTERS}-_`)).join(".");
  const jwt = secret(48, ANY_SIGNS);
  const lists = { session: list(), encryption: list(), jwt: list(), webhook: list() };
  const slackPath = `services/T00/B00/${secret(28, LETTERS)}`;
  const pagerDutyKey = secret(32, KEY_SIGNS);
  const alertmanagerToken = key();
  const webhookSecret = `whsec_${base64(secret(36, LETTERS))}`;
  const hostKeys = [key(), password()];
  const postgres = (secret: string) => `postgresql://app:${encodeURIComponent(secret)}@127.0.0.1:9/app`;
  return {
    env: {
      ...wideOpenEnvironment,
      NEON_CONNECTION_STRING: postgres(passwords.neon),
      NEON_DIRECT_CONNECTION_STRING: postgres(passwords.direct),
      NEON_REPLICA_CONNECTION_STRING: postgres(passwords.replica),
      NEON_PROJECT_ID: "quiet-river-12345678",
      NEON_API_KEY: keys.neonApi,
      NEON_DATA_API_KEY: token,
      SUPABASE_ANON_KEY: keys.anon,
      SUPABASE_SERVICE_KEY: keys.service,
      SUPABASE_JWT_SECRET: jwt,
      TINYFISH_API_KEY: keys.tinyfish,
      REDIS_URL: `redis://:${encodeURIComponent(passwords.redis)}@127.0.0.1:9`,
      SESSION_SECRET: lists.session.join(","),
      ENCRYPTION_KEY: lists.encryption.join(","),
      JWT_SECRET: lists.jwt.join(","),
      WEBHOOK_SECRET: lists.webhook.join(","),
      GOOGLE_MAPS_API_KEY: keys.maps,
      SENDGRID_API_KEY: keys.sendgrid,
      SENDGRID_FROM_EMAIL: "alerts@example.com",
      STRIPE_SECRET_KEY: stripe.key,
      STRIPE_WEBHOOK_SECRET: stripe.webhook,
    },
    canaries: [
      ...Object.values(passwords),
      ...Object.values(keys),
      ...Object.values(stripe),
      token,
      jwt,
      ...Object.values(lists).flat(),
      slackPath,
      pagerDutyKey,
      alertmanagerToken,
      webhookSecret,
      ...hostKeys,
    ],
    slackUrl: (origin) => `${origin}/${slackPath}`,
    ...{ pagerDutyKey, alertmanagerToken, webhookSecret, hostKeys },
  };
}

const escapedUnit = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
const bytesOf = (text: string) => Buffer.from(text).toString("hex").match(/../g) ?? [];

/** How a secret turns up in what services, drivers and proxies say. */
export const spellings: readonly ((value: string) => string)[] = [
  (value) => value,
  (value) => encodeURIComponent(value),
  (value) => encodeURI(value),
  (value) => encodeURIComponent(encodeURIComponent(value)),
  (value) => new URLSearchParams({ value }).toString(),
  (value) => base64(value),
  (value) => base64(`:${value}:`),
  (value) => encodeURIComponent(base64(`{}${value}`)),
  (value) => Buffer.from(value).toString("base64url"),
  (value) => `Basic ${base64(`user:${value}`)}`,
  (value) => Buffer.from(value).toString("hex"),
  (value) => Buffer.from(value).toString("hex").toUpperCase(),
  (value) => bytesOf(value).join(" "),
  (value) => JSON.stringify(Buffer.from(value)),
  (value) => base64(`user:${base64(value)}`),
  (value) => Buffer.from(base64(`:${value}`)).toString("base64url"),
  (value) => base64(`{}${hexOf(value)}`),
  (value) => hexOf(base64(`user:${value}`)),
  (value) => JSON.stringify({ body: JSON.stringify({ value }) }),
  // eslint-disable-next-line no-control-regex
  (value) => JSON.stringify({ value }).replace(/[^\x00-\x7f]/g, escapedUnit),
  (value) => value.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`),
];
