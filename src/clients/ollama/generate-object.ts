import { z } from "zod";
import { ollamaError } from "./errors.ts";
import { type ChatMessage, type ChatResult, type TokenUsage } from "./types.ts";

/** A typed answer. */
export interface GeneratedObject<T> {
  readonly object: T;
  /** The model's own words for it. */
  readonly text: string;
  readonly model: string;
  /** Of all turns together. */
  readonly usage: TokenUsage;
  /** The first answer did not fit the schema; the second did. */
  readonly repaired: boolean;
}

/** One turn: a chat whose answer is bound to a JSON schema. */
export type ObjectTurn = (
  messages: readonly ChatMessage[],
  format: Readonly<Record<string, unknown>>,
) => Promise<ChatResult>;

const MAX_ISSUES = 10;

/**
 * Asks for JSON that fits a schema: once with the schema as the format and in the prompt (the server's advice), and once
 * more with what was wrong.
 *
 * @throws IntegrationError INVALID_OUTPUT kind `schema_mismatch` or `output_truncated`
 */
export async function generateObject<S extends z.ZodType>(
  schema: S,
  messages: readonly ChatMessage[],
  turn: ObjectTurn,
): Promise<GeneratedObject<z.output<S>>> {
  // What zod cannot say as JSON schema (a transform's result) is left open there and checked here.
  const { $schema: _, ...format } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const asked = withSchema(messages, format);
  const first = await turn(asked, format);
  const one = read(schema, first);
  if (one.ok) return answer(one.value, [first]);

  const repair: ChatMessage = {
    role: "user",
    content: `That answer does not fit the JSON schema: ${one.problem}. Answer again with the corrected JSON alone.`,
  };
  const second = await turn([...asked, { role: "assistant", content: first.text }, repair], format);
  const two = read(schema, second);
  if (two.ok) return answer(two.value, [first, second]);
  throw ollamaError(
    "INVALID_OUTPUT",
    "schema_mismatch",
    `${second.model} did not answer as the schema demands, twice: ${two.problem}; simplify the schema or take a larger model`,
  );
}

function withSchema(messages: readonly ChatMessage[], format: object): ChatMessage[] {
  const demand = `Answer with JSON alone, of this JSON schema:\n${JSON.stringify(format)}`;
  const [head, ...rest] = messages;
  return head?.role === "system"
    ? [{ ...head, content: `${head.content}\n\n${demand}` }, ...rest]
    : [{ role: "system", content: demand }, ...messages];
}

type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

function read<S extends z.ZodType>(schema: S, { text, reason, model }: ChatResult): Reading<z.output<S>> {
  if (reason === "length") {
    const message = `${model} reached maxTokens before its JSON was complete; raise maxTokens or ask for less`;
    throw ollamaError("INVALID_OUTPUT", "output_truncated", message);
  }
  let value: unknown;
  try {
    value = JSON.parse(withoutFence(text));
  } catch {
    return { ok: false, problem: "it is not JSON" };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issues = parsed.error.issues.slice(0, MAX_ISSUES);
  return {
    ok: false,
    problem: issues.map(({ path, message }) => `${path.join(".") || "(root)"}: ${message}`).join("; "),
  };
}

/** Some models wrap JSON in a Markdown fence whatever they are told. */
const withoutFence = (text: string): string => text.trim().replace(/^```(?:json)?\s*|\s*```$/g, "");

function answer<T>(object: T, turns: readonly ChatResult[]): GeneratedObject<T> {
  const { text, model } = turns.at(-1)!;
  const sum = (count: (usage: TokenUsage) => number) => turns.reduce((total, { usage }) => total + count(usage), 0);
  const usage = { inputTokens: sum((each) => each.inputTokens), outputTokens: sum((each) => each.outputTokens) };
  return { object, text, model, usage, repaired: turns.length > 1 };
}
