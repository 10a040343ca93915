import { type SchemaNode } from "./extract.ts";

/** One mismatch, in the words of the service's `schema_validation`. */
export interface ResultProblem {
  readonly path: string;
  readonly expected: string;
  readonly received: string;
  readonly message: string;
}

/** Holds a result against an `output_schema`. */
export function validateResult(value: unknown, node: SchemaNode, path = "#"): ResultProblem[] {
  if (value === null && node["nullable"] === true) return [];
  const variants = node["anyOf"] as readonly SchemaNode[] | undefined;
  if (variants) {
    const attempts = variants.map((variant) => validateResult(value, variant, path));
    return attempts.some((problems) => problems.length === 0) ? [] : (attempts[0] ?? []);
  }
  const type = node["type"] as string | undefined;
  if (type !== undefined && !hasType(value, type)) return [mismatch(path, type, value)];
  if (Array.isArray(value)) return validateArray(value, node, path);
  if (typeof value === "object" && value !== null) return validateObject(value as Record<string, unknown>, node, path);
  return validateScalar(value, node, path);
}

function validateArray(value: readonly unknown[], node: SchemaNode, path: string): ResultProblem[] {
  const { items, minItems, maxItems } = node as { items?: SchemaNode; minItems?: number; maxItems?: number };
  const problems = items ? value.flatMap((each, index) => validateResult(each, items, `${path}/${index}`)) : [];
  if (value.length < (minItems ?? 0)) problems.push(mismatch(path, `at least ${minItems} items`, value));
  if (value.length > (maxItems ?? Infinity)) problems.push(mismatch(path, `at most ${maxItems} items`, value));
  return problems;
}

function validateObject(value: Record<string, unknown>, node: SchemaNode, path: string): ResultProblem[] {
  const { properties = {}, required = [] } = node as { properties?: Record<string, SchemaNode>; required?: string[] };
  const missing = required
    .filter((name) => value[name] === undefined)
    .map((name) =>
      mismatch(`${path}/${name}`, (properties[name]?.["type"] as string | undefined) ?? "a value", undefined),
    );
  const wrong = Object.entries(properties)
    .filter(([name]) => value[name] !== undefined)
    .flatMap(([name, child]) => validateResult(value[name], child, `${path}/${name}`));
  return [...missing, ...wrong];
}

function validateScalar(value: unknown, node: SchemaNode, path: string): ResultProblem[] {
  const { enum: words, minimum, maximum } = node as { enum?: unknown[]; minimum?: number; maximum?: number };
  if (words && !words.includes(value)) return [mismatch(path, `one of ${words.join(", ")}`, value)];
  if (typeof value !== "number") return [];
  if (value < (minimum ?? -Infinity)) return [mismatch(path, `at least ${minimum}`, value)];
  return value > (maximum ?? Infinity) ? [mismatch(path, `at most ${maximum}`, value)] : [];
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function mismatch(path: string, expected: string, value: unknown): ResultProblem {
  const received = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  return { path, expected, received, message: `Expected ${expected} at ${path}, received ${received}` };
}
