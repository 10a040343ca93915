import { IntegrationError } from "../../core/index.ts";
import { z } from "zod";

type Json = Readonly<Record<string, unknown>>;

/** A zod schema in TinyFish's dialect, and the way back. */
export interface TinyFishSchema {
  /** Goes out as `output_schema`. */
  readonly schema: Json;
  /** Takes out of a result what a schema that is no object had to be wrapped in. */
  readonly unwrap: (result: unknown) => unknown;
}

/** The service's limits (docs.tinyfish.ai, structured output). */
const MAX_BYTES = 64 * 1024;
const MAX_DEPTH = 10;
const formats = new Set(["date", "date-time", "duration", "time"]);

/** zod types that no JSON value can satisfy. */
const unsupported = new Set([
  "bigint",
  "map",
  "set",
  "symbol",
  "undefined",
  "void",
  "nan",
  "function",
  "promise",
  "file",
]);
const UNSUPPORTED = "x-unsupported";

/**
 * Translates a zod schema into the subset of JSON Schema that TinyFish takes. What the subset lacks and zod checks again
 * on the way back (patterns, lengths, defaults, additional properties) is left out; what it spells differently is
 * rewritten: nullable, literals, discriminated unions, a top level that is no object.
 *
 * @throws IntegrationError INVALID_INPUT naming each path that cannot be said: records, tuples, recursion, dates, maps
 */
export function zodToTinyFishSchema(zodSchema: z.ZodType): TinyFishSchema {
  const root = z.toJSONSchema(zodSchema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema: { _zod: part }, jsonSchema }) => {
      const { type, coerce } = part.def as { type: string; coerce?: boolean };
      if (type === "date" && coerce) Object.assign(jsonSchema, { type: "string", format: "date-time" });
      else if (type === "date")
        Object.assign(jsonSchema, { [UNSUPPORTED]: "a Date (use z.coerce.date() or z.iso.datetime())" });
      else if (unsupported.has(type)) Object.assign(jsonSchema, { [UNSUPPORTED]: `a ${type}` });
    },
  }) as Json;
  const translation = new Translation(root);
  const translated = translation.node(root, "#", 1);
  const key = translated["type"] === "object" && !translated["nullable"] ? undefined : wrapperKey(translated);
  const schema =
    key === undefined ? translated : { type: "object", properties: { [key]: translated }, required: [key] };
  const { problems } = translation;
  if (Buffer.byteLength(JSON.stringify(schema)) > MAX_BYTES) problems.push("the schema is larger than 64 KB");
  if (problems.length > 0)
    throw new IntegrationError({
      code: "INVALID_INPUT",
      service: "tinyfish",
      message: `output cannot be translated into a TinyFish schema: ${problems.join("; ")}`,
      details: { problems },
    });
  return { schema, unwrap: (result) => (key === undefined ? result : (result as Json | null | undefined)?.[key]) };
}

function wrapperKey(node: Json): string {
  return node["type"] === "array" ? "items" : "value";
}

class Translation {
  readonly problems: string[] = [];
  readonly #root: Json;
  readonly #openRefs = new Set<string>();

  constructor(root: Json) {
    this.#root = root;
  }

  node(node: Json, path: string, depth: number): Json {
    if (depth > MAX_DEPTH) return this.#refuse(`is nested deeper than ${MAX_DEPTH} levels`, path);
    if (typeof node["$ref"] === "string") return this.#reference(node["$ref"], path, depth);
    if (node[UNSUPPORTED] !== undefined) return this.#refuse(`${node[UNSUPPORTED] as string} is no JSON value`, path);
    if (node["not"] !== undefined) return this.#refuse("z.never() accepts nothing", path);
    if (node["allOf"] !== undefined)
      return this.#refuse("an intersection is not supported; merge it into one object", path);
    if (node["prefixItems"] !== undefined) return this.#refuse("a tuple is not supported; use an object", path);
    const { type } = node;
    if (Array.isArray(type))
      return this.#union(
        type.map((each: string) => ({ ...node, type: each })),
        path,
        depth,
      );
    const variants = (node["anyOf"] ?? node["oneOf"]) as readonly Json[] | undefined;
    if (variants) return this.#union(variants, path, depth);
    if ("const" in node) return fromValues([node["const"]]);
    if (Array.isArray(node["enum"])) return fromValues(node["enum"]);
    switch (type) {
      case "object":
        return this.#object(node, path, depth);
      case "array": {
        const { items, ...bounds } = pick(node, ["items", "minItems", "maxItems"]);
        return {
          type,
          ...(items !== undefined && { items: this.node(items as Json, `${path}/items`, depth + 1) }),
          ...bounds,
        };
      }
      case "string":
        return { type, ...(formats.has(node["format"] as string) && { format: node["format"] }) };
      case "number":
      case "integer":
        return { type, ...numericBounds(node, type) };
      case "boolean":
        return { type };
      case "null":
        return NULL;
      default:
        return {};
    }
  }

  #object(node: Json, path: string, depth: number): Json {
    const properties = (node["properties"] ?? {}) as Readonly<Record<string, Json>>;
    const names = Object.keys(properties);
    if (names.length === 0 && node["propertyNames"] !== undefined)
      return this.#refuse("a record is not supported; name its properties, or use an array of { key, value }", path);
    const children = names.map((name): [string, Json] => [
      name,
      this.node(properties[name]!, `${path}/properties/${name}`, depth + 1),
    ]);
    return { type: "object", properties: Object.fromEntries(children), ...pick(node, ["required"]) };
  }

  #union(variants: readonly Json[], path: string, depth: number): Json {
    const rest = variants.filter((variant) => variant["type"] !== "null");
    const nullable = rest.length < variants.length && { nullable: true };
    const [only] = rest;
    if (!only) return NULL;
    if (rest.length === 1) return { ...this.node(only, path, depth), ...nullable };
    const anyOf = rest.map((variant, index) => this.node(variant, `${path}/anyOf/${index}`, depth + 1));
    return { anyOf, ...nullable };
  }

  /** Named parts are written out in full, since the service knows no references. */
  #reference(ref: string, path: string, depth: number): Json {
    const target =
      ref === "#"
        ? this.#root
        : (this.#root["$defs"] as Record<string, Json> | undefined)?.[ref.replace("#/$defs/", "")];
    if (!target || target === this.#root || this.#openRefs.has(ref))
      return this.#refuse("a recursive schema is not supported; write out as many levels as you need", path);
    this.#openRefs.add(ref);
    const node = this.node(target, path, depth);
    this.#openRefs.delete(ref);
    return node;
  }

  #refuse(problem: string, path: string): Json {
    this.problems.push(`${problem} at ${path}`);
    return {};
  }
}

/** The service has no null type. */
const NULL: Json = { type: "string", nullable: true };

/** Literals: strings become an enum; for the others their type is what can be said. */
function fromValues(values: readonly unknown[]): Json {
  const strings = values.filter((value) => typeof value === "string");
  const numbers = values.filter((value) => typeof value === "number");
  const variants: Json[] = [];
  if (strings.length > 0) variants.push({ type: "string", enum: strings });
  if (numbers.length > 0)
    variants.push({ type: "number", minimum: Math.min(...numbers), maximum: Math.max(...numbers) });
  if (values.some((value) => typeof value === "boolean")) variants.push({ type: "boolean" });
  const nullable = values.includes(null) && { nullable: true };
  if (variants.length === 0) return NULL;
  return { ...(variants.length === 1 ? variants[0] : { anyOf: variants }), ...nullable };
}

/** Exclusive bounds become inclusive ones, and zod's mark of a safe integer is no bound. */
function numericBounds(node: Json, type: "number" | "integer"): Json {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node as Record<string, number | undefined>;
  const above = exclusiveMinimum ?? -Infinity;
  const below = exclusiveMaximum ?? Infinity;
  const lowest = Math.max(minimum ?? -Infinity, type === "integer" ? Math.floor(above) + 1 : above);
  const highest = Math.min(maximum ?? Infinity, type === "integer" ? Math.ceil(below) - 1 : below);
  return {
    ...(lowest > Number.MIN_SAFE_INTEGER && { minimum: lowest }),
    ...(highest < Number.MAX_SAFE_INTEGER && { maximum: highest }),
  };
}

function pick(node: Json, names: readonly string[]): Json {
  return Object.fromEntries(names.filter((name) => node[name] !== undefined).map((name) => [name, node[name]]));
}
