import { ContextFacts } from "./context-facts.ts";
import { type Prompt } from "./prompt.ts";

type Schema = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 12;
const MAX_ITEMS = 50;
/** Found in the context first; else an honest placeholder of the right shape. */
const shapes: Readonly<Record<string, readonly [RegExp, string]>> = {
  "date-time": [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/, "1970-01-01T00:00:00Z"],
  date: [/\d{4}-\d\d-\d\d/, "1970-01-01"],
  time: [/\b\d\d:\d\d:\d\d\b/, "00:00:00"],
  email: [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/, "unknown@example.com"],
  uri: [/https?:\/\/[^\s"'<>)]+/, "https://example.com/"],
  uuid: [
    /[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/i,
    "00000000-0000-0000-0000-000000000000",
  ],
};

/**
 * JSON that conforms to a JSON schema, filled from the prompt's context where a property's name and type allow.
 * Covers what zod and the usual generators emit; a `pattern` is met only by text that the context holds.
 */
export function schemaAnswer(schema: unknown, prompt: Prompt): unknown {
  return new Filler(asSchema(schema), new ContextFacts(prompt)).fill(asSchema(schema), "answer", 0);
}

class Filler {
  readonly #root: Schema;
  readonly #facts: ContextFacts;

  constructor(root: Schema, facts: ContextFacts) {
    this.#root = root;
    this.#facts = facts;
  }

  fill(given: Schema, name: string, depth: number): unknown {
    const schema = this.#resolve(given);
    if (depth > MAX_DEPTH) return null;
    if ("const" in schema) return schema["const"];
    const choices = schema["enum"];
    if (Array.isArray(choices)) return this.#choose(choices, name);
    const branches = schema["anyOf"] ?? schema["oneOf"];
    if (Array.isArray(branches)) return this.#branch(branches.map(asSchema), name, depth);
    if (allowsNull(schema) && !this.#known(schema, name)) return null;
    switch (typeOf(schema)) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return this.#array(schema, name, depth);
      case "integer":
      case "number":
        return inRange(schema, this.#facts.number(name) ?? 0);
      case "boolean":
        return this.#facts.affirms(name);
      case "null":
        return null;
      default:
        return this.#string(schema, name);
    }
  }

  #resolve(schema: Schema): Schema {
    const { $ref, allOf, ...own } = schema;
    const parts = Array.isArray(allOf) ? allOf.map((part) => this.#resolve(asSchema(part))) : [];
    if (typeof $ref === "string") parts.push(this.#resolve(asSchema(followPointer(this.#root, $ref))));
    return parts.reduce<Schema>(
      (merged, part) => ({
        ...merged,
        ...part,
        properties: { ...asSchema(merged["properties"]), ...asSchema(part["properties"]) },
        required: [...list(merged["required"]), ...list(part["required"])],
      }),
      own,
    );
  }

  #object(schema: Schema, depth: number): Record<string, unknown> {
    const required = new Set(list(schema["required"]));
    const entries = Object.entries(asSchema(schema["properties"])).flatMap(([key, value]): [string, unknown][] => {
      const property = asSchema(value);
      return required.has(key) || this.#known(property, key) ? [[key, this.fill(property, key, depth + 1)]] : [];
    });
    return Object.fromEntries(entries);
  }

  /** What is optional is told only if the context tells it. */
  #known(schema: Schema, name: string): boolean {
    const type = typeOf(this.#resolve(schema));
    if (type === "number" || type === "integer") return this.#facts.number(name) !== undefined;
    return this.#facts.labelled(name) !== undefined;
  }

  #array(schema: Schema, name: string, depth: number): unknown[] {
    const least = Math.min(Number(schema["minItems"] ?? 0), MAX_ITEMS);
    const most = Math.min(Number(schema["maxItems"] ?? MAX_ITEMS), MAX_ITEMS);
    const item = this.#resolve(asSchema(schema["items"]));
    const fixed = schema["prefixItems"];
    if (Array.isArray(fixed)) return fixed.map((each) => this.fill(asSchema(each), name, depth + 1));
    const words = this.#facts.labelled(name)?.split(/\s*(?:,|\band\b)\s*/) ?? [];
    const found =
      typeOf(item) === "string" && !("enum" in item)
        ? words.length > 0
          ? words
          : [this.#facts.sentenceAbout(name)].filter((each) => each !== undefined)
        : [this.fill(item, name, depth + 1)];
    while (found.length < least) found.push(this.fill(item, name, depth + 1));
    return found.slice(0, most);
  }

  #choose(choices: readonly unknown[], name: string): unknown {
    const labelled = this.#facts.labelled(name)?.toLowerCase();
    const words = choices.filter((choice) => typeof choice === "string");
    return words.find((word) => word.toLowerCase() === labelled) ?? this.#facts.firstSaid(words) ?? choices[0];
  }

  /** A value where there may be none: only if the context holds one. */
  #branch(branches: readonly Schema[], name: string, depth: number): unknown {
    const nullable = branches.some(allowsNull);
    const value = branches.find((branch) => typeOf(branch) !== "null");
    if (!value || (nullable && !this.#known(value, name))) return null;
    return this.fill(value, name, depth + 1);
  }

  #string(schema: Schema, name: string): string {
    const shape = shapes[String(schema["format"])];
    if (shape) return this.#facts.shaped(shape[0]) ?? shape[1];
    const found =
      this.#facts.labelled(name) ?? this.#facts.sentenceAbout(name, text(schema["description"])) ?? "unknown";
    const least = Number(schema["minLength"] ?? 0);
    return found.padEnd(least, ".").slice(0, Number(schema["maxLength"] ?? Infinity));
  }
}

/** An exclusive bound is kept by a whole step where there is room, else by the middle of the range. */
function inRange(schema: Schema, found: number): number {
  const whole = typeOf(schema) === "integer";
  const above = Number(schema["exclusiveMinimum"] ?? -Infinity);
  const below = Number(schema["exclusiveMaximum"] ?? Infinity);
  const floor = Math.max(Number(schema["minimum"] ?? -Infinity), above);
  const ceiling = Math.min(Number(schema["maximum"] ?? Infinity), below);
  const step = whole ? 1 : Math.min(1, (ceiling - floor) / 2);
  const low = floor === above ? floor + step : floor;
  const high = ceiling === below ? ceiling - step : ceiling;
  const bounded = Math.min(Math.max(found, low), high);
  return whole ? Math.min(Math.max(Math.round(bounded), Math.ceil(low)), Math.floor(high)) : bounded;
}

/** `type` may be a list of names. */
const allowsNull = ({ type }: Schema): boolean => [type].flat().includes("null");

function typeOf(schema: Schema): string {
  const { type } = schema;
  if (Array.isArray(type)) return String(type.find((each) => each !== "null") ?? "null");
  if (typeof type === "string") return type;
  return "properties" in schema && Object.keys(asSchema(schema["properties"])).length > 0 ? "object" : "string";
}

/** `#/$defs/Listing` and the like; an unknown pointer is a schema without demands. */
function followPointer(root: Schema, pointer: string): unknown {
  const keys = pointer
    .replace(/^#\/?/, "")
    .split("/")
    .filter((key) => key !== "");
  return keys.reduce<unknown>((at, key) => asSchema(at)[key.replaceAll("~1", "/").replaceAll("~0", "~")], root);
}

const asSchema = (value: unknown): Schema => (typeof value === "object" && value !== null ? (value as Schema) : {});
const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
