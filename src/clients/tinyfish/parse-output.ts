import { type z } from "zod";

/**
 * Parses a result by the caller's schema. Agents write null where a property is optional, and leave out what may be
 * null: where exactly that is what the schema objects to, it is set right and parsed once more.
 */
export function parseOutput<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  const first = schema.safeParse(value);
  if (first.success || typeof value !== "object" || value === null) return first;
  const repaired = structuredClone(value);
  let changes = 0;
  for (const issue of first.error.issues) if (issue.code === "invalid_type") changes += repair(repaired, issue.path);
  if (changes === 0) return first;
  const second = schema.safeParse(repaired);
  return second.success ? second : first;
}

/** @returns the number of changes */
function repair(root: object, path: readonly PropertyKey[]): number {
  const key = path.at(-1);
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((node, each) => (node as Record<PropertyKey, unknown> | null)?.[each], root);
  if (key === undefined || typeof parent !== "object" || parent === null || Array.isArray(parent)) return 0;
  const record = parent as Record<PropertyKey, unknown>;
  if (record[key] === null) delete record[key];
  else if (record[key] === undefined) record[key] = null;
  else return 0;
  return 1;
}
