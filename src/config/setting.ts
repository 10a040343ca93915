import { type Kind } from "./kinds/index.ts";

/** What `NODE_ENV` may be. `test` has the defaults of `development`. */
export const environments = ["development", "test", "staging", "production"] as const;
export type Environment = (typeof environments)[number];

/** The parts of a setting beside its name and kind. */
interface SettingOptions {
  /** One sentence: what it does and where it takes effect. */
  readonly description: string;
  /** As the variable would be written. Without one, the setting is undefined until the host sets it. */
  readonly default?: string;
  /** Defaults that differ from `default` in some environments. */
  readonly profiles?: Partial<Record<"development" | "staging" | "production", string>>;
  /** A second name of the variable, which wins where both are set. */
  readonly alias?: string;
}

/** One variable: the only place that knows its name, kind, default and meaning. */
export interface Setting<T = unknown, D extends string | undefined = string | undefined> {
  readonly name: string;
  readonly kind: Kind<T>;
  readonly description: string;
  readonly default: D;
  readonly profiles: NonNullable<SettingOptions["profiles"]>;
  readonly alias: string | undefined;
}

/** Settings by the name of their member in the config, nested as the config is. */
export interface SettingTree {
  readonly [member: string]: Setting | SettingTree;
}

/** The config that a tree of settings yields: a member without a default may be undefined. */
export type Values<S> =
  S extends Setting<infer T, infer D>
    ? D extends string
      ? T
      : T | undefined
    : { readonly [K in keyof S]: Values<S[K]> };

export function setting<T>(
  name: string,
  kind: Kind<T>,
  options: SettingOptions & { readonly default: string },
): Setting<T, string>;
export function setting<T>(name: string, kind: Kind<T>, options: SettingOptions): Setting<T, undefined>;
export function setting<T>(name: string, kind: Kind<T>, options: SettingOptions): Setting<T> {
  const { description, default: fallback, profiles = {}, alias } = options;
  return { name, kind, description, default: fallback, profiles, alias };
}

/** A setting and where its value stands in the config. */
export interface PlacedSetting {
  /** E.g. `["limits", "search", "windowMs"]`; the first is the area. */
  readonly path: readonly string[];
  readonly setting: Setting;
}

export function flattenSettings(tree: SettingTree, path: readonly string[] = []): PlacedSetting[] {
  return Object.entries(tree).flatMap(([member, node]) =>
    isSetting(node) ? [{ path: [...path, member], setting: node }] : flattenSettings(node, [...path, member]),
  );
}

function isSetting(node: Setting | SettingTree): node is Setting {
  return typeof node.name === "string";
}

/** Whose defaults an environment has. */
export function profileOf(environment: Environment): Exclude<Environment, "test"> {
  return environment === "test" ? "development" : environment;
}

/** The default of a setting in an environment, and whether it is that profile's own. */
export function defaultOf(
  setting: Setting,
  environment: Environment,
): { text: string | undefined; ofProfile: boolean } {
  const own = setting.profiles[profileOf(environment)];
  return own === undefined ? { text: setting.default, ofProfile: false } : { text: own, ofProfile: true };
}
