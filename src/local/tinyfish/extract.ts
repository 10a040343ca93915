import { type Microdata, type MicrodataItem, type MicrodataValue, normaliseName } from "./microdata.ts";

/** A node of an `output_schema` that has passed {@link checkOutputSchema}. */
export type SchemaNode = Readonly<Record<string, unknown>>;

/**
 * Fills an `output_schema` from what a page says: an array of objects from the repeated items, each property from the
 * `itemprop` of the same name in any case style, coerced to the schema's type. What the page does not say stays out,
 * or is null where the schema allows it.
 */
export function extractBySchema(data: Microdata, schema: SchemaNode): Record<string, unknown> {
  // On a page about one thing, its facts are the page's.
  const sources = data.items.length === 1 ? [data.page, data.items[0]!] : [data.page];
  return readObject(schema, (name, node) => {
    const fact = readValue(sources, name, node);
    if (fact !== undefined) return fact;
    const items = itemNode(node);
    if (items) return readItems(data, items);
    return typeOf(node) === "object" && data.items[0] ? readItem(data.items[0], node) : undefined;
  });
}

/** Everything a page says, where no schema asks for anything in particular. */
export function extractAll(data: Microdata): Record<string, unknown> {
  const plain = (item: MicrodataItem) =>
    Object.fromEntries(
      [...item.values].map(([key, values]) => [item.names.get(key) ?? key, values[0]!.machine ?? values[0]!.text]),
    );
  return { title: data.title, ...plain(data.page), items: data.items.map(plain) };
}

function readItems(data: Microdata, node: SchemaNode): Record<string, unknown>[] {
  const wanted = Object.keys(propertiesOf(node)).map(normaliseName);
  return data.items.filter((item) => wanted.some((name) => item.values.has(name))).map((item) => readItem(item, node));
}

function readItem(item: MicrodataItem, node: SchemaNode): Record<string, unknown> {
  return readObject(node, (name, property) => readValue([item], name, property));
}

function readObject(node: SchemaNode, read: (name: string, property: SchemaNode) => unknown): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(propertiesOf(node))) {
    const value = read(name, property) ?? (property["nullable"] === true ? null : undefined);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

function readValue(sources: readonly MicrodataItem[], name: string, node: SchemaNode): unknown {
  const values = sources.flatMap((source) => source.values.get(normaliseName(name)) ?? []);
  if (values.length === 0) return undefined;
  if (typeOf(node) !== "array") return coerce(values[0]!, node);
  const items = node["items"] as SchemaNode | undefined;
  const read = values.map((value) => coerce(value, items ?? {})).filter((value) => value !== undefined);
  return read.length > 0 ? read : undefined;
}

function coerce(value: MicrodataValue, node: SchemaNode): unknown {
  const variants = node["anyOf"] as readonly SchemaNode[] | undefined;
  if (variants) return variants.map((variant) => coerce(value, variant)).find((found) => found !== undefined);
  const { machine, text } = value;
  switch (typeOf(node)) {
    case "number":
      return readNumber(machine ?? text);
    case "integer": {
      const number = readNumber(machine ?? text);
      return Number.isInteger(number) ? number : undefined;
    }
    case "boolean":
      return readBoolean(machine ?? text);
    case "object":
    case "array":
      return undefined;
    default: {
      const allowed = node["enum"] as readonly string[] | undefined;
      const word = machine ?? text;
      return allowed ? allowed.find((each) => normaliseName(each) === normaliseName(word)) : word;
    }
  }
}

/** One number among words: `$221,900`, `5,650 sqft`, `-122.257`. Text with several numbers says nothing certain. */
function readNumber(text: string): number | undefined {
  const match = /^[^\d.-]*(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)[^\d]*$/.exec(text);
  return match ? Number(match[1]!.replaceAll(",", "")) : undefined;
}

function readBoolean(text: string): boolean | undefined {
  if (/^(true|yes|1)$/i.test(text)) return true;
  return /^(false|no|0)$/i.test(text) ? false : undefined;
}

function propertiesOf(node: SchemaNode): Readonly<Record<string, SchemaNode>> {
  return (node["properties"] as Record<string, SchemaNode> | undefined) ?? {};
}

/** The object schema of an array's items, if it is an array of objects. */
function itemNode(node: SchemaNode): SchemaNode | undefined {
  const items = typeOf(node) === "array" ? (node["items"] as SchemaNode | undefined) : undefined;
  return items && typeOf(items) === "object" ? items : undefined;
}

function typeOf(node: SchemaNode): string | undefined {
  return (node["type"] as string | undefined) ?? (node["properties"] ? "object" : node["items"] ? "array" : undefined);
}
