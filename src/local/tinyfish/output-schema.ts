/** What the service says about `output_schema` (docs.tinyfish.ai, structured output). */
const allowed = new Set([
  ...["anyOf", "enum", "format", "items", "maxItems", "maximum", "minItems", "minimum"],
  ...["nullable", "properties", "propertyOrdering", "required", "type"],
]);
const types = new Set(["object", "array", "string", "number", "integer", "boolean"]);
const formats = new Set(["date", "date-time", "duration", "time"]);
const MAX_BYTES = 64 * 1024;
const MAX_DEPTH = 10;

/** @returns what the service would refuse, each with its path; empty for a good schema */
export function checkOutputSchema(schema: unknown): string[] {
  if (!isObject(schema)) return ["output_schema must be an object"];
  const problems: string[] = [];
  if (Buffer.byteLength(JSON.stringify(schema)) > MAX_BYTES) problems.push("output_schema is larger than 64 KB");
  if (schema["anyOf"] !== undefined) problems.push("anyOf is not supported at the top level; wrap it in a property");
  if (schema["type"] !== undefined && schema["type"] !== "object")
    problems.push("type must be object at #; wrap the value in a property");
  checkNode(schema, "#", 1, problems);
  return problems;
}

function checkNode(node: unknown, path: string, depth: number, problems: string[], variant = false): void {
  if (!isObject(node)) return void problems.push(`a schema must be an object at ${path}, not ${JSON.stringify(node)}`);
  if (depth > MAX_DEPTH) return void problems.push(`the schema is nested deeper than ${MAX_DEPTH} levels at ${path}`);
  for (const name of Object.keys(node))
    if (!allowed.has(name)) problems.push(`${name} is not supported at ${path}; remove it or use a supported keyword`);
  checkKeywords(node, path, problems, variant);
  const { properties, items, anyOf } = node;
  if (isObject(properties))
    for (const [name, child] of Object.entries(properties))
      checkNode(child, `${path}/properties/${name}`, depth + 1, problems);
  if (items !== undefined) checkNode(items, `${path}/items`, depth + 1, problems);
  if (Array.isArray(anyOf))
    for (const [index, child] of anyOf.entries()) checkNode(child, `${path}/anyOf/${index}`, depth + 1, problems, true);
}

function checkKeywords(node: Record<string, unknown>, path: string, problems: string[], variant: boolean): void {
  const { type, properties, required, propertyOrdering } = node;
  const refuse = (text: string) => problems.push(`${text} at ${path}`);
  if (Array.isArray(type)) refuse("type must not be an array; use nullable or anyOf");
  else if (type !== undefined && !types.has(type as string)) refuse(`type ${JSON.stringify(type)} is not supported`);
  if (node["enum"] !== undefined && !(type === "string" && isStrings(node["enum"])))
    refuse("enum is only supported on type string with string values");
  if (node["format"] !== undefined && !(type === "string" && formats.has(node["format"] as string)))
    refuse(`format ${JSON.stringify(node["format"])} is not supported; use ${[...formats].join(", ")} on a string`);
  for (const name of ["items", "minItems", "maxItems"])
    if (node[name] !== undefined && type !== "array") refuse(`${name} is only supported on type array`);
  for (const name of ["minimum", "maximum"])
    if (node[name] !== undefined && type !== "number" && type !== "integer")
      refuse(`${name} is only supported on type number or integer`);
  const names = isObject(properties) ? Object.keys(properties) : [];
  // A variant may require properties that its parent declares.
  if (required !== undefined && !(isStrings(required) && (variant || required.every((name) => names.includes(name)))))
    refuse("required must list names of properties");
  if (propertyOrdering !== undefined && !isOrdering(propertyOrdering, names))
    refuse("propertyOrdering must list names of properties, each once");
}

function isOrdering(value: unknown, names: readonly string[]): boolean {
  return isStrings(value) && new Set(value).size === value.length && value.every((name) => names.includes(name));
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
