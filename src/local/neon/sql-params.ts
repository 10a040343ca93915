/**
 * Parameters as Neon's HTTP endpoint turns them into text: null stays, strings go as they are, arrays become array
 * literals, everything else its JSON.
 */
export function encodeParameter(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  return Array.isArray(value) ? arrayLiteral(value) : JSON.stringify(value);
}

function arrayLiteral(values: readonly unknown[]): string {
  const elements = values.map((value) => {
    if (value === null) return "NULL";
    if (Array.isArray(value)) return arrayLiteral(value);
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return typeof value === "number" || typeof value === "boolean" ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${elements.join(",")}}`;
}
